// Plain JavaScript without newer syntax: it must still run on the Node that it refuses.
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`opspawn needs Node 22.18 or newer; this is Node ${process.versions.node}.`)
  process.exit(1)
}
