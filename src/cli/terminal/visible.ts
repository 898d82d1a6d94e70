/** Signs that steer a terminal, or turn the direction of text: what a model or a tool wrote must do neither. */
const STEERING = /(?![\n\t])[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** A text without power over the terminal that shows it; lines and tabs stay. */
export function visible(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(STEERING, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The same on one line, cut to a length. */
export function oneLine(text: string, most = 200): string {
  const line = visible(text.slice(0, most * 4).replaceAll(/\s+/g, ' ')).trim()
  return line.length > most ? `${line.slice(0, Math.max(most - 1, 0))}…` : line
}

/** A JSON value on one line; a text as it is. */
export function brief(value: unknown, most = 120): string {
  return oneLine(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''), most)
}
