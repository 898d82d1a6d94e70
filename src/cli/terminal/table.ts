import { visible } from './visible.ts'

/** Rows of equal columns, two spaces between; the last column is not padded. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], bold: (text: string) => string): string {
  const shown = rows.map((row) => row.map((cell) => visible(cell).replaceAll('\n', ' ')))
  const widths = head.map((title, column) => Math.max(title.length, ...shown.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd()
  return [bold(line(head)), ...shown.map(line)].join('\n')
}
