/** The labels of a ReAct turn. */
export type Label = 'thought' | 'action' | 'action input' | 'observation' | 'final answer'

// The longer one first: "action" also begins "action input".
const LABELS: readonly Label[] = ['thought', 'action input', 'action', 'observation', 'final answer']
const MARKS = ' \t\r*_#>-`'

/**
 * Reads the label at the beginning of a line, in any case and with Markdown marks around it: `Action:`, `**action**:`,
 * `### Final Answer:`. Without a colon it is no label. A scan by hand: a pattern with optional parts on both sides of a
 * word can take quadratic time.
 *
 * @returns the label and where its value begins.
 */
export function readLabel(
  text: string,
  start: number,
  end: number,
): { readonly label: Label; readonly valueStart: number } | undefined {
  const from = skipMarks(text, start, end)
  for (const label of LABELS) {
    const to = from + label.length
    if (to >= end || text.slice(from, to).toLowerCase() !== label) continue
    const colon = skipMarks(text, to, end)
    if (colon >= end || (text[colon] !== ':' && text[colon] !== '：')) continue
    return { label, valueStart: skipBold(text, colon + 1, end) }
  }
  return undefined
}

function skipMarks(text: string, from: number, end: number): number {
  let index = from
  while (index < end && MARKS.includes(text.charAt(index))) index += 1
  return index
}

/** The closing marks of `**Action:** name`; a mark that belongs to the value, such as a list's, stays. */
function skipBold(text: string, from: number, end: number): number {
  return text.slice(from, Math.min(from + 2, end)) === '**' ? from + 2 : from
}
