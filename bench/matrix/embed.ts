/** Four numbers that tell words apart and mean nothing: no check here asks for the best match. */
export function embed(text: string): readonly number[] {
  const vector = [0.1, 0.1, 0.1, 0.1]
  for (const [at, character] of Array.from(text).entries()) {
    const slot = at % vector.length
    vector[slot] = (vector[slot] ?? 0) + ((character.codePointAt(0) ?? 0) % 97) / 97
  }
  return vector
}
