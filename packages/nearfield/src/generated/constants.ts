// Generated from crates/nearfield/src/{boundary/options,bytes/layout,ids}.rs by `cargo run -p xtask -- generate`; not for editing.

/** The value of every build option that may be left out. */
export const DEFAULTS = {
  kind: 'auto',
  metric: 'l2',
  M: 16,
  efConstruction: 200,
  seed: 0,
  isa: 'auto',
} as const

/** Neighbours a search returns when it does not say how many. */
export const K_DEFAULT = 10
/** Candidates a walk keeps when the search does not say; raised to `k`. */
export const EF_DEFAULT = 100
/** Up to this many rows kind `auto` chooses `flat`. */
export const AUTO_FLAT_ROWS_MAX = 1_000
/** The largest dimension of a vector. */
export const DIM_MAX = 65_536
/** The largest number of rows. */
export const ROWS_MAX = 4_294_967_294
/** Never a slot: stands where there is none. */
export const NO_SLOT = 4_294_967_295
/** The first bytes of a nearfield file. */
export const FILE_MAGIC = [0x89, 0x4e, 0x46, 0x4c, 0x44, 0x0d, 0x0a, 0x1a] as const
/** The version of the file format. */
export const FILE_VERSION = 1
/** Bytes of a file that one checksum covers. */
export const BLOCK_BYTES = 65_536
