/** Why a document cannot be taken; it is passed over and told, and the others are taken. */
export class DocumentProblem extends Error {}

/** What a fault of the file system means to people. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EACCES' || code === 'EPERM') return 'not readable with your permissions'
  if (code === 'ELOOP') return 'a symbolic link, not followed'
  return code ?? message
}
