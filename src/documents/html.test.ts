import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { readHtml } from './html.ts'

const PAGE = `<!doctype html>
<html>
<head><title>Lamps</title><style>p { color: red }</style></head>
<body>
<nav hidden>menu</nav>
<h1>The <em>lamp</em></h1>
<p>It is lit
   at <b>dusk</b>.<br>Every day.</p>
<script>alert('no')</script>
<div style="color: red; display:none">unseen</div>
<p aria-hidden="true">unseen</p>
<div>loose <!-- a comment --> text
  <p>inner</p>
  more
</div>
<h2>Oil</h2>
<table>
  <caption>Deliveries</caption>
  <tr><th>Day</th><th>Litres</th></tr>
  <tr><td>Monday</td><td>20 <span hidden>secret</span></td></tr>
</table>
<pre>
lamp --test
  --now
</pre>
<ul><li>one<li>two</ul>
<template>unseen</template><noscript>unseen</noscript>
</body></html>`

describe('HTML', () => {
  it('is read as a person sees it, with the lines where it stands', async () => {
    const blocks = await readHtml(PAGE)
    expect(
      blocks.map(({ kind, level, lines }) => [
        level ?? kind,
        lines.map((line) => line.text).join('\n'),
        lines[0]?.from,
        lines.at(-1)?.to,
      ]),
    ).toEqual([
      [1, 'The lamp', 6, 6],
      ['text', 'It is lit at dusk. Every day.', 7, 8],
      ['text', 'loose text', 12, 12],
      ['text', 'inner', 13, 13],
      ['text', 'more', 14, 14],
      [2, 'Oil', 16, 16],
      ['text', 'Deliveries', 18, 18],
      ['table', 'Day | Litres\nMonday | 20', 19, 20],
      ['code', 'lamp --test\n  --now', 23, 24],
      ['text', 'one', 26, 26],
      ['text', 'two', 26, 26],
    ])
  })

  it('repeats the names of the columns where a table must be torn', async () => {
    const [table] = await readHtml('<table><thead><tr><th>a<th>b</thead><tbody><tr><td>1<td>2</table>')
    expect(table).toMatchObject({ kind: 'table', head: 1 })
  })

  it('reads a table that only arranges the page like the page', async () => {
    const blocks = await readHtml('<table><tr><td><p>left</p></td><td><table><tr><td>x<td>y</table></td></tr></table>')
    expect(blocks.map(({ kind, lines }) => [kind, lines[0]?.text])).toEqual([
      ['text', 'left'],
      ['table', 'x | y'],
    ])
  })

  it.each([
    ['elements without end', '<div>'.repeat(5_000)],
    ['words within them', '<b>'.repeat(5_000) + 'x'],
    ['a table in tables', '<table><tr><td>'.repeat(3_000)],
    ['code within code', `<pre>${'<i>'.repeat(5_000)}x`],
  ])('refuses %s', async (_, text) => {
    await expect(readHtml(text)).rejects.toThrow('elements are nested more than 500 deep')
  })

  it('names the package and the command when the parser is missing', async () => {
    const program = `
      import { registerHooks } from 'node:module'
      registerHooks({ resolve(specifier, context, next) {
        if (specifier === 'parse5' || specifier === 'unpdf') throw Object.assign(new Error('none'), { code: 'ERR_MODULE_NOT_FOUND' })
        return next(specifier, context)
      } })
      const { ingest } = await import(${JSON.stringify(new URL('index.ts', import.meta.url).href)})
      const { inProcessMemory } = await import(${JSON.stringify(new URL('../plugins/memory-in-process/index.ts', import.meta.url).href)})
      const handle = inProcessMemory().bind({ tenant: 'a' })
      const said = []
      for (const name of ['a.md', 'a.html', 'a.pdf']) {
        const error = await ingest(handle, { name, content: '%PDF-1.4 text' + name }).catch((thrown) => thrown)
        said.push([error.code ?? error.counts.added, error.message])
      }
      console.log(JSON.stringify(said))`
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '-e',
      program.replace("'%PDF-1.4 text' + name", "name === 'a.pdf' ? '%PDF-1.4' : 'text'"),
    ])
    expect(JSON.parse(stdout)).toEqual([
      [1, undefined].map((value) => value ?? null),
      ['PLUGIN_PACKAGE_MISSING', 'reading HTML needs the package parse5, which is not installed: npm install parse5'],
      ['PLUGIN_PACKAGE_MISSING', 'reading PDF needs the package unpdf, which is not installed: npm install unpdf'],
    ])
  })
})
