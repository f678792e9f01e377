/** What goes wrong for a reason the person at the keyboard can change: a line, and a status to exit with. */

/** Exit status: 0 done, 1 failed, 2 wrong arguments, 130 stopped by a signal. */
export type Status = 0 | 1 | 2 | 130

export class Failure extends Error {
  override readonly name = 'Failure'
  readonly status: Status

  constructor(message: string, status: Status = 1, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

/** Arguments that cannot be. */
export const wrong = (message: string) => new Failure(message, 2)

/** What the system calls an error, as in `ENOSPC`. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}
