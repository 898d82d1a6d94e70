import { OpspawnError } from '../core/index.ts'

/** Imports an optional package at its first use. @throws OpspawnError `PLUGIN_PACKAGE_MISSING` */
export async function loadPackage<T>(name: string, format: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    const text = `reading ${format} needs the package ${name}, which is not installed: npm install ${name}`
    throw new OpspawnError('PLUGIN_PACKAGE_MISSING', text, { cause: error, details: { package: name } })
  }
}
