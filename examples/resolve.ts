/**
 * Lets the examples say `import … from 'opspawn'`, as in a program of your own, although nothing is built or installed
 * here: the name leads to the sources. Set with `node --import`; a program that has opspawn installed needs nothing like it.
 */
import { registerHooks } from 'node:module'

registerHooks({
  resolve(specifier, context, next) {
    const subpath = /^opspawn(?:\/(.+))?$/.exec(specifier)
    if (subpath === null) return next(specifier, context)
    const source = subpath[1] === undefined ? '../src/index.ts' : `../src/${subpath[1]}/index.ts`
    return next(new URL(source, import.meta.url).href, context)
  },
})
