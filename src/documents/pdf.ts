import type { getDocumentProxy } from 'unpdf'
import type { Block, Line } from './block.ts'
import { loadPackage } from './load-package.ts'
import { DocumentProblem } from './problem.ts'

/** What is read of a PDF. */
export interface PdfText {
  readonly blocks: readonly Block[]
  /** What could not be read of it. */
  readonly warnings: readonly string[]
}

/** A piece of text on a page, as pdf.js tells it. */
interface Item {
  readonly str: string
  readonly hasEOL: boolean
  readonly height: number
  /** Its last two numbers are the place on the page. */
  readonly transform: readonly unknown[]
}

/** A gap between lines that is so many times their height parts paragraphs. */
const GAP = 1.8

/**
 * Reads the text of a PDF, page by page. Nothing in it is run.
 *
 * @throws DocumentProblem for one that is encrypted, damaged, too long, or has no text
 * @throws OpspawnError `PLUGIN_PACKAGE_MISSING`
 */
export async function readPdf(
  bytes: Uint8Array,
  options: { readonly maxPages: number; readonly signal?: AbortSignal | undefined },
): Promise<PdfText> {
  const library = await loadPackage('unpdf', 'PDF', () => import('unpdf'))
  // The library takes the bytes away, and refuses a `Buffer`, which is what a file is read as.
  const pdf = await library.getDocumentProxy(new Uint8Array(bytes), { verbosity: 0 }).catch((error: unknown) => {
    throw new DocumentProblem(problemOf(error))
  })
  try {
    if (pdf.numPages > options.maxPages)
      throw new DocumentProblem(`${pdf.numPages} pages, above the limit of ${options.maxPages}`)
    const blocks: Block[] = []
    const silent: number[] = []
    for (let number = 1; number <= pdf.numPages; number += 1) {
      options.signal?.throwIfAborted()
      const found = await readPage(pdf, number)
      if (found.length === 0) silent.push(number)
      blocks.push(...found)
    }
    if (blocks.length === 0)
      throw new DocumentProblem('no text in it; it seems to be scanned, and must be put through text recognition')
    return { blocks, warnings: silent.length === 0 ? [] : [`no text on page ${list(silent)}`] }
  } finally {
    await pdf.loadingTask.destroy()
  }
}

type Pdf = Awaited<ReturnType<typeof getDocumentProxy>>

async function readPage(pdf: Pdf, number: number): Promise<readonly Block[]> {
  try {
    const page = await pdf.getPage(number)
    const { items } = await page.getTextContent()
    page.cleanup()
    return paragraphsOf(items.filter((item) => 'str' in item) as readonly Item[], number)
  } catch (error) {
    throw new DocumentProblem(`page ${number} is damaged: ${messageOf(error)}`)
  }
}

/** Lines of a page joined to paragraphs, by the gaps between them. */
function paragraphsOf(items: readonly Item[], page: number): readonly Block[] {
  const blocks: Block[] = []
  let paragraph: Line[] = []
  let text = ''
  let number = 0
  let lastY: number | undefined
  const closeParagraph = (): void => {
    if (paragraph.length > 0) blocks.push({ kind: 'text', lines: paragraph, page })
    paragraph = []
  }
  const closeLine = (): void => {
    const line = text.replaceAll(/\s+/g, ' ').trim()
    text = ''
    if (line === '') return
    number += 1
    paragraph.push({ text: line, from: number, to: number })
  }
  for (const { str, hasEOL, height, transform } of items) {
    const y = Number(transform[5])
    if (str.trim() !== '') {
      const isFar = lastY !== undefined && height > 0 && Math.abs(lastY - y) > height * GAP
      if (isFar) {
        closeLine()
        closeParagraph()
      }
      lastY = y
    }
    text += str
    if (hasEOL) closeLine()
  }
  closeLine()
  closeParagraph()
  return blocks
}

function problemOf(error: unknown): string {
  const name = (error as Error | undefined)?.name
  if (name === 'PasswordException') return 'encrypted: it opens with a password only'
  return `no PDF that can be read: ${messageOf(error)}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function list(pages: readonly number[]): string {
  const shown = pages.slice(0, 10).join(', ')
  return pages.length > 10 ? `${shown} and ${pages.length - 10} more` : shown
}
