/** A number from 0 up to 1 that follows from a text alone: chance for planners, which must decide alike each time. */
export function seededFraction(seed: string): number {
  // FNV-1a, then a finaliser that spreads neighbouring seeds.
  let hash = 0x811c9dc5
  for (let index = 0; index < seed.length; index += 1) hash = Math.imul(hash ^ seed.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000
}
