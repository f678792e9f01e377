/** The few assertions the cases need, without a test framework: they also run in a bare page. */
import type { Nearfield } from './suite.ts'

export function ok(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message)
}

export function equal<T>(received: T, expected: T, what: string): void {
  if (!Object.is(received, expected))
    throw new Error(`${what}: expected ${shown(expected)}, received ${shown(received)}`)
}

export function sameList(received: ArrayLike<unknown>, expected: ArrayLike<unknown>, what: string): void {
  equal(received.length, expected.length, `${what}, length`)
  for (let i = 0; i < expected.length; i++) equal(received[i], expected[i], `${what}, place ${i}`)
}

export function near(received: number, expected: number, tolerance: number, what: string): void {
  const error = Math.abs(received - expected)
  // Written so that NaN fails.
  if (!(error <= tolerance * Math.max(1, Math.abs(expected)))) {
    throw new Error(`${what}: expected ${expected} within ${tolerance}, received ${received}`)
  }
}

export function sameBytes(received: Uint8Array, expected: Uint8Array, what: string): void {
  equal(received.length, expected.length, `${what}, length`)
  for (let i = 0; i < expected.length; i++) {
    if (received[i] !== expected[i])
      throw new Error(`${what}: byte ${i} is ${received[i]}, expected ${expected[i]}`)
  }
}

/** The call fails with one of these codes and a message that says `says`. */
export async function refuses(
  nearfield: Nearfield,
  codes: string | readonly string[],
  says: RegExp,
  call: () => unknown,
): Promise<void> {
  let error: unknown
  try {
    const value = await call()
    error = new Error(`expected ${codes} /${says.source}/, but the call succeeded with ${shown(value)}`)
  } catch (cause) {
    if (!(cause instanceof nearfield.NearfieldError)) {
      throw new Error(`expected a NearfieldError ${codes}, received ${String(cause)}`, { cause })
    }
    if (!codes.includes(cause.code) || (typeof codes === 'string' && codes !== cause.code)) {
      throw new Error(`expected code ${codes}, received ${cause.code}: ${cause.message}`)
    }
    if (!says.test(cause.message))
      throw new Error(`expected a message like ${says}, received: ${cause.message}`)
    return
  }
  throw error
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object' || value === null) return String(value)
  return value.constructor?.name ?? 'an object'
}
