/** A member's place in a heap. The heap keeps `index` right; -1 means that it stands in none. */
export interface Place<T> {
  readonly item: T
  index: number
}

/** A binary heap whose members know their place, so that any of them, not only the first, leaves in logarithmic time. */
export class Heap<T> {
  readonly #places: Place<T>[] = []
  readonly #isBefore: (left: T, right: T) => boolean

  constructor(isBefore: (left: T, right: T) => boolean) {
    this.#isBefore = isBefore
  }

  /** The member that comes before all others. */
  peek(): T | undefined {
    return this.#places[0]?.item
  }

  /** Takes the first member out. */
  shift(): T | undefined {
    const first = this.#places[0]
    if (first !== undefined) this.remove(first)
    return first?.item
  }

  /** Takes a member in. It must stand in no heap. */
  add(place: Place<T>): void {
    this.#places.push(place)
    this.#rise(place, this.#places.length - 1)
  }

  /** Lets a member of this heap go. */
  remove(place: Place<T>): void {
    const { index } = place
    const last = this.#places.pop() as Place<T>
    place.index = -1
    if (last === place) return
    this.#sink(last, index)
    this.#rise(last, last.index)
  }

  #rise(place: Place<T>, from: number): void {
    const places = this.#places
    let index = from
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = places[above] as Place<T>
      if (!this.#isBefore(place.item, parent.item)) break
      places[index] = parent
      parent.index = index
      index = above
    }
    places[index] = place
    place.index = index
  }

  #sink(place: Place<T>, from: number): void {
    const places = this.#places
    let index = from
    for (;;) {
      let below = 2 * index + 1
      if (below >= places.length) break
      const right = places[below + 1]
      if (right !== undefined && this.#isBefore(right.item, (places[below] as Place<T>).item)) below += 1
      const child = places[below] as Place<T>
      if (!this.#isBefore(child.item, place.item)) break
      places[index] = child
      child.index = index
      index = below
    }
    places[index] = place
    place.index = index
  }
}
