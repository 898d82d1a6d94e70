import { Socket } from 'node:net'

/** How many connections were tried; each failed. */
export const tried = { count: 0 }

Socket.prototype.connect = function refuse(): never {
  tried.count += 1
  throw new Error('the matrix runs without a network')
}
