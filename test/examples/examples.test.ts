import { readFile } from 'node:fs/promises'
import { globSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { node, root, runExample, startExample, startProcess } from './run-example.ts'

describe.concurrent('examples', () => {
  it('custom-tool: the body is entered only with arguments that fit', async () => {
    const { code, stdout } = await runExample('custom-tool')
    expect(stdout).toContain('refused tool "order" was not called, its arguments are wrong: /count')
    expect(stdout).toContain('refused there is no "cocoa"; there is tea, coffee')
    expect(stdout).toContain('live    {"looking":"tea"}\nresult  {"ordered":2,"left":1}\nanswer  I ordered 2 packets')
    expect(stdout).toContain('entered for 1 order')
    expect(code).toBe(0)
  })

  it('custom-planner: asks all, takes the cheapest that answers', async () => {
    const { code, stdout } = await runExample('custom-planner')
    expect(stdout).toContain('decided: quote-north, quote-south, quote-west\n')
    expect(stdout).toContain('quote-west: west does not answer')
    expect(stdout).toContain('bought a desk from south for 95')
    expect(code).toBe(0)
  })

  it('chaos: nothing is lost and nothing repeated while workers are killed', async () => {
    const { code, stdout } = await runExample('chaos', ['--seconds', '4', '--workers', '3'])
    expect(stdout).toMatch(/\n[2-9] workers killed with -9, \d+ runs, \d+ recorded steps\nlost: 0\nrepeated: 0\n/)
    expect(code).toBe(0)
  })

  it('workflow: reserves, asks, pays, and gives back on failure', async () => {
    const { code, stdout } = await runExample('workflow')
    expect(stdout).toContain(
      'Ada orders for 20 + 30\n  review skipped: its condition is false\n  {"paid":true,"receipt":"Ada paid 50"}',
    )
    expect(stdout).toContain('Sell ["ITEM-1","ITEM-2"] to Cy for 170? Yes.\n  {"paid":true,"receipt":"Cy paid 170"}')
    expect(stdout).toContain('released ITEM-1: the card was refused\n  failed: task "pay" failed: the card was refused')
    expect(stdout).toContain('t4["release<br/>tool stock.release<br/>completed"]:::completed')
    expect(code).toBe(0)
    const denied = await runExample('workflow', ['--deny'])
    expect(denied.stdout).toContain('No.\n  pay skipped: its condition is false\n  {"paid":false,"receipt":null}')
    expect(denied.code).toBe(0)
  })

  it.each(['sqlite', 'in-process', 'lancedb'])(
    'assistant over %s: what it is told in one process is corrected in the next, known in the third and gone from the disk behind the fourth',
    async (memory) => {
      const { code, stdout, stderr } = await runExample('assistant', [memory])
      const [, byWords = '', byMeanings = ''] = stdout.split(/^With.*:$/m)
      for (const part of [byWords, byMeanings]) {
        expect(part.match(/, in a process of its own/g)).toHaveLength(4)
        expect(part).toContain('Where is my home?\n       You said: my home is in Oslo now, at 3 Castle Road.')
        expect(part).toContain('on disk before: Harbour there, Castle there, nuts there\n')
        expect(part).toContain('forgotten 2 records; nothing of them is left on disk.')
        expect(part).toMatch(
          /Where is my home\?\n {7}I do not know\.\non disk behind: Harbour nowhere, Castle nowhere, nuts there\n$/m,
        )
      }
      expect(byWords).toContain('In which town do I live?\n       I do not know.')
      expect(byMeanings).toContain('In which town do I live?\n       You said: my home is in Oslo now')
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    },
  )

  it('assistant: a memory that it does not have is refused with those that there are', async () => {
    const { code, stderr } = await runExample('assistant', ['postgres'])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'There is no memory "postgres" in this example: sqlite, in-process, lancedb.\n',
    })
  })

  it('handoff: the other agent answers, within one budget', async () => {
    const { code, stdout } = await runExample('handoff')
    expect(stdout).toContain('front-desk is active')
    expect(stdout).toContain('billing is active')
    expect(stdout).toContain('answer: Invoice A-17 over 40 is paid.')
    expect(stdout).toContain('both together: 3 model calls, 45 tokens')
    expect(code).toBe(0)
  })

  it('approval: nothing is paid before somebody agrees', async () => {
    const approved = await runExample('approval', ['--approve'], { env: { USER: 'eve' } })
    expect(approved.stdout).toMatch(/May support call refund\?[^]*eve approved it[^]*pays 40 to Ada[^]*Ada has her 40 back/)
    expect(approved.code).toBe(0)
  })

  it('mcp: the file is written once, after an approval from the command line, by the worker after the killed one', async () => {
    const { code, stdout } = await runExample('mcp')
    expect(stdout).toMatch(/^May clerk call files__write_file\? \(run \S+\)\nthe worker was killed; the file is not there\n/)
    expect(stdout).toContain('"status":"completed","output":"It is written down."')
    expect(stdout).toContain('the file says: Buy tea.')
    const records = stdout.slice(stdout.indexOf('$ opspawn audit')).trim().split('\n').slice(2)
    expect(records).toHaveLength(2)
    expect(records[0]).toMatch(/ mcp +allow .* completed /)
    expect(records[1]).toMatch(/ files__write_file through mcp +ask by tool files__write_file, answered by ada +completed +1 /)
    expect(code).toBe(0)
  })

  it.each([['--deny'], []])('approval: nothing is paid without an answer or against it %s', async (...args: string[]) => {
    const denied = await runExample('approval', args)
    expect(denied.stdout).toContain('denied it')
    expect(denied.stdout).toContain('answer: I may not refund this.')
    expect(denied.stdout).not.toContain('pays')
    expect(denied.code).toBe(0)
  })

  it('cancellation: reaches the tool, the child run and the run, and keeps what was done', async () => {
    const { code, stdout } = await runExample('cancellation')
    expect(stdout).toContain('tool:   told to stop while sending to Cy')
    expect(stdout).toContain('run:    cancelled, secretary: the run was cancelled: the list is wrong')
    expect(stdout).toContain('child:  cancelled, mailer')
    expect(stdout).toContain('send {"to":"Ada"}: completed\n  send {"to":"Ben"}: completed\n  send {"to":"Cy"}: unknown')
    expect(stdout).not.toContain('Dot')
    expect(code).toBe(0)
  })

  it('structured-output: a value of the type, or a typed failure', async () => {
    const { code, stdout } = await runExample('structured-output')
    expect(stdout).toContain('careful: invoice A-17 over 40.00 EUR')
    expect(stdout).toMatch(/hasty: not accepted: \/total .+\nhasty: invoice A-17 over 40\.00 EUR/)
    expect(stdout).toMatch(/stubborn: not accepted: \/total .+\nstubborn: failed, OUTPUT_INVALID/)
    expect(code).toBe(0)
  })

  it('react-and-plan: three planners, one answer', async () => {
    const { code, stdout } = await runExample('react-and-plan')
    expect(stdout.match(/Bergen: it rains there\./g)).toHaveLength(3)
    expect(stdout).toContain('tools:\n  model\n  weather {"city":"Bergen"} + weather {"city":"Lisbon"}\n  model\n')
    expect(code).toBe(0)
  })

  it.each(['express', 'fastify'])('%s: asks, loses the connection, resumes, stops', async (name) => {
    // Long enough for the client to be back before the model answers, however busy the machine is: deltas are live.
    const { code, stdout } = await runExample(name, ['--demo'], { env: { WEATHER_MS: '5000' } })
    expect(stdout).toContain('POST /ask: 202')
    expect(stdout).toMatch(/id: 3 {2}event: decision[^\n]+\n {2}id: 5 [^\n]+\nthe connection is lost behind event 5/)
    expect(stdout).toMatch(/Last-Event-ID: 5\n {2}id: 7 /)
    expect(stdout).toContain('event: text-delta  data: {"delta":"Yes,"}')
    expect(stdout).toContain('"status":"completed","output":"Yes, take one: it rains in Bergen."')
    expect(stdout).toContain('GET /runs/nobody: 404 {"code":"RUN_UNKNOWN"')
    expect(stdout).toContain('POST /ask without a question: 400 {"code":"INPUT_INVALID"')
    expect(stdout).toContain('stopped, 0 runs handed back')
    expect(code).toBe(0)
  })

  it.each(['express', 'fastify'])('%s: stops gracefully while a run is watched', async (name) => {
    const running = startExample(name)
    const origin = /http:\S+/.exec(await running.written('listening on http'))?.[0] ?? ''
    const headers = { 'content-type': 'application/json', 'idempotency-key': 'once' }
    const ask = (): Promise<Response> =>
      fetch(`${origin}/ask`, { method: 'POST', headers, body: JSON.stringify({ question: 'Umbrella?' }) })
    const { id } = (await (await ask()).json()) as { id: string }
    expect(await (await ask()).json()).toEqual({ id })
    const broken = await fetch(`${origin}/ask`, { method: 'POST', headers, body: '{"question"' })
    expect(broken.status).toBe(400)
    const watching = await fetch(`${origin}/runs/${id}/events`)
    const read = watching.text().catch(() => 'cut')
    running.child.kill('SIGTERM')
    const { code, stdout } = await running.ended
    expect(stdout).toMatch(/stopped, [01] runs handed back to the store/)
    expect(code).toBe(0)
    await read
  })
})

describe('the list of examples', () => {
  const names = globSync('examples/*/main.ts', { cwd: root }).map((file) => basename(dirname(file)))

  it('names every example in examples/README.md', async () => {
    const readme = await readFile(join(root, 'examples/README.md'), 'utf8')
    for (const name of names) expect(readme).toContain(`(${name}/main.ts)`)
    expect(readme.match(/\/main\.ts\)/g)).toHaveLength(names.length)
  })

  it('is told by the command that runs them, which runs one by its name', async () => {
    const script = join(root, 'scripts/example.ts')
    const unknown = await startProcess(node, [script, 'nothing']).ended
    expect(unknown.stderr).toContain('There is no example "nothing"')
    for (const name of names) expect(unknown.stderr).toContain(name)
    expect(unknown.code).toBe(1)
    const known = await startProcess(node, [script, 'approval', '--deny']).ended
    expect(known.stdout).toContain('denied it')
    expect(known.code).toBe(0)
  })
})
