// Generated from crates/nearfield/src/error.rs by `cargo run -p xtask -- generate`; not for editing.

/** Every code a {@link NearfieldError} may carry; stable across versions. */
export const ERROR_CODES = [
  /** A vector or an array has the wrong length. */
  'DIMENSION',
  /** NaN or an infinity where a finite number is needed. */
  'NOT_FINITE',
  /** A key is duplicate, missing, of the wrong sort or out of range. */
  'KEY',
  /** An option is unknown, of the wrong type or out of range. */
  'OPTION',
  /** The bytes are not a nearfield file, or of a version this build cannot read. */
  'FORMAT',
  /** The bytes are a nearfield file and are damaged. */
  'CORRUPT',
  /** Memory could not be had. */
  'MEMORY',
  /** The index is closed, or poisoned by an earlier panic. */
  'CLOSED',
  /** The backend could not be loaded or has died. */
  'BACKEND',
  /** A blocking call where blocking is not possible. */
  'BLOCKING',
  /** Reading or writing failed. */
  'IO',
  /** The caller's signal aborted the call. */
  'ABORTED',
] as const

/** What went wrong, for programs. */
export type ErrorCode = (typeof ERROR_CODES)[number]
