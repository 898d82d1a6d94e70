import { execFileSync, spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { node, root, runExample, startExample, startProcess } from './run-example.ts'

const isWindows = process.platform === 'win32'

const HANDBOOK = `# Handbook

Welcome to the lighthouse. It was built in 1854 and is staffed all year.

## The lamp

The lamp is lit at dusk. When the lamp fails, the keeper starts the spare
lamp within two minutes and writes it into the log.

- Oil is delivered on **Mondays**.
- The [lens](lens.md) is cleaned with vinegar.

\`\`\`
# not a heading: lamp --test
\`\`\`
`

let scratch: string

/** Makes a folder of these files; a folder's files have paths with slashes. */
async function folderOf(files: Record<string, string | Buffer>): Promise<string> {
  const folder = await mkdtemp(join(scratch, 'folder-'))
  await chmod(folder, 0o755)
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await writeFile(join(folder, name), content)
  }
  return folder
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'opspawn-ask-'))
  await chmod(scratch, 0o755)
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

describe.concurrent('ask-folder, killed in the middle', () => {
  it('goes on where it stood: what was recorded is not done again, and nothing is left behind', async () => {
    const folder = await folderOf({ 'handbook.md': HANDBOOK })
    const args = [folder, 'What happens when the lamp fails?', '--pause', '0.8']
    const env = { ASK_FOLDER_STORE: join(folder, '..', 'killed-store') }
    const first = startExample('ask-folder', args, { env })
    await first.written('2. read_file')
    first.child.kill('SIGKILL')
    expect((await first.ended).stdout).not.toContain('completed')
    expect(await readdir(env.ASK_FOLDER_STORE)).toHaveLength(4)

    const { code, stdout } = await runExample('ask-folder', args, { env })
    expect(code).toBe(0)
    const [before = '', after = ''] = stdout.split('so far recorded before; from here on new')
    expect(before).toContain('Goes on   with the run that an earlier process left')
    expect(before).toMatch(/1\. search_passages.*\n {3}\d of \d passages/)
    expect(after).not.toContain('search_passages')
    expect(after).toContain('handbook.md:7-8')
    expect(after).toMatch(/completed · \d steps/)
    expect(await readdir(env.ASK_FOLDER_STORE), 'the file goes when the run has ended').toEqual([])

    const third = await runExample('ask-folder', args.slice(0, 2), { env })
    expect(third.stdout, 'the question asked once more is a new run').not.toContain('Goes on')
  })

  it('--pause wants a number', async () => {
    const { code, stderr } = await runExample('ask-folder', ['--pause', 'long'])
    expect(code).not.toBe(0)
    expect(stderr).toContain('INPUT_INVALID: --pause needs a number of seconds')
  })
})

describe.concurrent('ask-folder and what cannot be read', () => {
  it('a file without text is named, and nothing is asked', async () => {
    const { code, stderr } = await runExample('ask-folder', [await folderOf({ 'blank.md': ' \n' })])
    expect(code).toBe(2)
    expect(stderr).toMatch(/no Markdown or text file to read here\n\s+blank.md: empty/)
  })

  it.skipIf(isWindows)('a pipe with the name of a document is refused at once', async () => {
    const folder = await folderOf({})
    execFileSync('mkfifo', [join(folder, 'notes.md')])
    const { code, stderr } = await runExample('ask-folder', [join(folder, 'notes.md')])
    expect(code).toBe(2)
    expect(stderr).toContain('neither a folder nor a regular file')
  })

  it('an option that does not exist is no folder', async () => {
    const { code, stderr } = await runExample('ask-folder', ['--verbose'])
    expect(code).toBe(2)
    expect(stderr).toContain('there is no option --verbose')
  })
})

describe.concurrent('ask-folder without a model', () => {
  it('quotes the passages that answer, with file and line, and says how to configure a model', async () => {
    const folder = await folderOf({ 'handbook.md': HANDBOOK, 'notes/menu.txt': 'On Fridays there is fish.\n' })
    const { code, stdout, stderr } = await runExample('ask-folder', [folder, 'What happens when the lamp fails?'])
    expect(stdout).toContain('Folder    ' + folder + ' (2 documents, 1 kB)')
    expect(stdout).toContain('Model     none is configured')
    expect(stdout).toContain('OPENAI_API_KEY or ANTHROPIC_API_KEY, or OPENAI_BASE_URL')
    expect(stdout).toContain('1. search_passages  query: "What happens when the lamp fails?"')
    expect(stdout).toContain('read_file  file: "handbook.md"')
    expect(stdout).toContain(
      'When the lamp fails, the keeper starts the spare lamp within two minutes and writes it into the log."\n  handbook.md:7-8\n',
    )
    expect(stdout).not.toContain('fish')
    expect(stdout).toMatch(/\ncompleted · \d+ steps \(\d+ tool calls\) · no tokens · [\d.]+ m?s\n$/)
    expect(stderr).toBe('')
    expect(code).toBe(0)
  })

  it('quotes what stands at the line that it names', async () => {
    const { code, stdout } = await runExample('ask-folder', [root, 'Which licence is it under?'])
    expect(code).toBe(0)
    const cited = [...stdout.matchAll(/^"(.+)"\n {2}(.+?):(\d+)(?:-(\d+))?$/gm)]
    expect(cited.length).toBeGreaterThan(0)
    for (const [, quote = '', file = '', from = '', to = from] of cited) {
      const lines = (await readFile(join(root, file), 'utf8')).split('\n').slice(Number(from) - 1, Number(to))
      const words = (text: string): string => (text.replace(/\]\([^)]*\)/g, '').match(/[\p{L}\p{N}]+/gu) ?? []).join(' ')
      expect(words(lines.join(' '))).toContain(words(quote))
    }
  })

  it('writes no colours where the output is no terminal', async () => {
    const folder = await folderOf({ 'a.md': 'The lamp is lit.\n' })
    const { stdout } = await runExample('ask-folder', [folder, 'lamp'])
    expect(stdout).not.toContain('\u001B')
  })

  it('says so when nothing fits, and which word is nowhere', async () => {
    const folder = await folderOf({ 'handbook.md': HANDBOOK })
    const none = await runExample('ask-folder', [folder, 'Where do penguins nest?'])
    expect(none.stdout).toContain('passages holds penguins, nest. Try other words.')
    expect(none.code).toBe(0)
    const half = await runExample('ask-folder', [folder, 'Do penguins clean the lens?'])
    expect(half.stdout).toContain('No passage holds penguins. The nearest')
    expect(half.stdout).toContain('The lens is cleaned with vinegar.')
  })

  it('shows what a folder is about when no question is given', async () => {
    const folder = await folderOf({ 'handbook.md': HANDBOOK, 'menu.txt': 'On Fridays there is fish.\n' })
    const { code, stdout } = await runExample('ask-folder', [folder])
    expect(stdout).toContain('list_files')
    expect(stdout).toContain('"Welcome to the lighthouse. It was built in 1854 and is staffed all year."\n  handbook.md:3')
    expect(stdout).toContain('menu.txt: On Fridays there is fish.')
    expect(code).toBe(0)
  })

  it('takes one file, and finds it from where the user stands', async () => {
    const folder = await folderOf({ 'handbook.md': HANDBOOK, 'secret.md': 'The lamp fails never.\n' })
    const { code, stdout } = await runExample('ask-folder', ['handbook.md', 'lamp fails'], { env: { INIT_CWD: folder } })
    expect(stdout).toContain('(1 document, 1 kB)')
    expect(stdout).toContain('handbook.md:7-8')
    expect(code).toBe(0)
  })

  it('prints how to use it', async () => {
    const { code, stdout } = await runExample('ask-folder', ['--help'])
    expect(stdout).toContain('npm start -- path/to/folder "a question"')
    expect(code).toBe(0)
  })
})

describe.concurrent('ask-folder and what lies in folders', () => {
  it('refuses a path that is not there', async () => {
    const { code, stderr } = await runExample('ask-folder', [join(scratch, 'nowhere'), 'lamp'])
    expect(stderr).toMatch(/^INPUT_INVALID: .*nowhere: there is no such folder or file\n$/)
    expect(code).toBe(2)
  })

  it('refuses an empty folder', async () => {
    const { code, stderr } = await runExample('ask-folder', [await folderOf({}), 'lamp'])
    expect(stderr).toContain('no Markdown or text file to read here')
    expect(code).toBe(2)
  })

  it('refuses a file that is no text, and says why', async () => {
    const folder = await folderOf({ 'lamp.png': Buffer.from([0x89, 0x50, 0]), 'lamp.md': Buffer.from('lamp\0lamp') })
    const { code, stderr } = await runExample('ask-folder', [join(folder, 'lamp.png'), 'lamp'])
    expect(stderr).toContain('lamp.png: not Markdown or text')
    expect(code).toBe(2)
    const all = await runExample('ask-folder', [folder, 'lamp'])
    expect(all.stderr).toContain('lamp.md: binary')
    expect(all.code).toBe(2)
  })

  it('passes over what it cannot take, and says so', async () => {
    const folder = await folderOf({
      'handbook.md': HANDBOOK,
      'photo.jpg': 'x',
      'scan.txt': Buffer.from([1, 2, 0, 3]),
      'latin.md': Buffer.from('The lamp of the caf\u00e9.\n', 'latin1'),
      'big.md': '',
      '.hidden/lamp.md': 'The hidden lamp.\n',
      'node_modules/lamp.md': 'The installed lamp.\n',
    })
    await truncate(join(folder, 'big.md'), 50_000_000)
    const special = isWindows
      ? []
      : ['loop: a symbolic link, not followed', 'hosts.md: a symbolic link, not followed', 'pipe.md: not a regular file']
    if (!isWindows) {
      await symlink('.', join(folder, 'loop'))
      await symlink('/etc/hosts', join(folder, 'hosts.md'))
      execFileSync('mkfifo', [join(folder, 'pipe.md')])
    }
    const { code, stdout } = await runExample('ask-folder', [folder, 'When is the lamp lit?'])
    expect(stdout).toContain('(2 documents')
    expect(stdout).toContain('big.md: 50 MB, above the limit of 5.0 MB for one file')
    expect(stdout).toContain('photo.jpg: not Markdown or text')
    expect(stdout).toContain('scan.txt: binary')
    expect(stdout).toContain('latin.md: read, but its text is not whole UTF-8')
    for (const remark of special) expect(stdout).toContain(remark)
    expect(stdout).toContain('"The lamp is lit at dusk.')
    expect(stdout).not.toContain('hidden')
    expect(stdout).not.toContain('installed')
    expect(code).toBe(0)
  })

  const nobody = process.getuid?.() === 0 ? 65_534 : undefined
  const probe = spawnSync(node, [join(root, 'scripts/assert-node.mjs')], { uid: nobody })
  // For root every file is readable, so the example runs as somebody else; skipped where that one cannot read this
  // repository or Node, and on Windows, which has no such permissions.
  const cannotTry = isWindows || probe.status !== 0

  it.skipIf(cannotTry)('passes over a file that it may not read', async () => {
    const folder = await folderOf({
      'handbook.md': HANDBOOK,
      'secret.md': 'The secret lamp.\n',
      'closed/a.md': 'The closed lamp.\n',
    })
    await chmod(join(folder, 'secret.md'), 0)
    await chmod(join(folder, 'closed'), 0)
    const { code, stdout } = await runExample('ask-folder', [folder, 'lamp'], nobody === undefined ? {} : { uid: nobody })
    await chmod(join(folder, 'closed'), 0o755)
    expect(stdout).toContain('secret.md: not readable with your permissions')
    expect(stdout).toContain('closed: not readable with your permissions')
    expect(stdout).toContain('handbook.md:')
    expect(code).toBe(0)
  })

  it('does not let a document write to the terminal', async () => {
    const folder = await folderOf({ 'trap.md': 'The lamp \u001B[31mis\u0007 lit.\n' })
    const { stdout } = await runExample('ask-folder', [folder, 'lamp'])
    expect(stdout).toContain('"The lamp \uFFFD[31mis\uFFFD lit."')
  })
})

describe('npm start', () => {
  it('asks the documentation of the repository', async () => {
    const { code, stdout } = await startProcess('npm', ['start', '--silent'], { cwd: root }).ended
    expect(stdout).toContain('Question  How does opspawn survive a crash?')
    expect(stdout).toMatch(/^"[^"]+.*"\n {2}\S+\.md:\d+/m)
    expect(stdout).toContain('\ncompleted · ')
    expect(code).toBe(0)
  })

  it('takes a question alone', async () => {
    const { code, stdout } = await startProcess('npm', ['start', '--silent', '--', 'What is a planner?'], { cwd: root }).ended
    expect(stdout).toContain('Question  What is a planner?')
    expect(stdout).toMatch(/planner.*"\n {2}\S+\.md:\d+/)
    expect(code).toBe(0)
  })
})
