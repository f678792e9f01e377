/**
 * The one error class. The core reports `CODE: message` as text, because text is all that crosses
 * every boundary (Node-API, WebAssembly, `postMessage`) unharmed; here it becomes a typed error.
 */
import { ERROR_CODES, type ErrorCode } from '../generated/errors.ts'

export type { ErrorCode }

/** What a call refused, with a stable `code` to branch on and a message for people. */
export class NearfieldError extends Error {
  override readonly name = 'NearfieldError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const CODES: ReadonlySet<string> = new Set(ERROR_CODES)
const CODED = /^([A-Z_]+): ([\s\S]*)$/

/** Splits `CODE: message`; anything without a known code is a fault of the backend. */
export function parseError(error: unknown): NearfieldError {
  if (error instanceof NearfieldError) return error
  const text = error instanceof Error ? error.message : String(error)
  const parts = CODED.exec(text)
  if (parts && CODES.has(parts[1]!))
    return new NearfieldError(parts[1] as ErrorCode, parts[2]!, { cause: error })
  return new NearfieldError('BACKEND', `the backend failed: ${text}`, { cause: error })
}

/** The text form, for crossing to another thread. */
export function errorText(error: unknown): string {
  const { code, message } = parseError(error)
  return `${code}: ${message}`
}

/** Short rendering of a value that was not expected. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'object' || value === null) return String(value)
  const name: unknown = value.constructor?.name
  return Array.isArray(value)
    ? `an array of ${value.length}`
    : `a ${typeof name === 'string' && name ? name : 'object'}`
}
