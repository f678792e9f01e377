/**
 * Which of the two builds with threads an engine gets: the one with relaxed SIMD where the engine reads
 * it. The engine itself is asked, with a module that holds the one instruction that build adds.
 */

export type ThreadsVariant = 'relaxed' | 'threads'

// A function () → v128: three vectors of zeros and their i32x4.relaxed_dot_i8x16_i7x16_add_s.
const PROBE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
  ...[1, 5, 1, 0x60, 0, 1, 0x7b], // types: one, () → v128
  ...[3, 2, 1, 0], // functions: one, of that type
  ...[10, 19, 1, 17, 0], // code: one body of 17 bytes, no locals
  ...[0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15], // i32.const 0, i8x16.splat
  ...[0xfd, 0x93, 0x02, 0x0b],
)

/** `isa` is a preference; the lesser sets by name get the build that has nothing above them. */
export function threadsVariant(isa?: string): ThreadsVariant {
  if (isa === 'scalar' || isa === 'simd128') return 'threads'
  return WebAssembly.validate(PROBE) ? 'relaxed' : 'threads'
}
