/** A set that cannot be read; the message names the file and what to do. */
export class SetFault extends Error {
  readonly code = 'INPUT_INVALID'
}
