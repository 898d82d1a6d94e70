/** Cuts a text and says openly by how much; a pair of code units is never torn. */
export function boundText(text: string, limit: number): string {
  if (text.length <= limit) return text
  const last = text.charCodeAt(limit - 1)
  const end = last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit
  return `${text.slice(0, end)}\n[cut here: ${text.length - end} of ${text.length} characters left out]`
}
