#!/usr/bin/env node
// Nothing is imported before the check, and nothing here is newer than the Node that it refuses.
const [major, minor] = process.versions.node.split('.').map(Number) as [number, number]

if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`opspawn needs Node 22.18 or newer; this is Node ${process.versions.node}.\n`)
  process.exitCode = 78
} else {
  void import('./process.ts').then(({ runProcess }) => runProcess(new URL('../../package.json', import.meta.url)))
}
