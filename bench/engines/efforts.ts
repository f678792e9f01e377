/** ef from 10 to 1,120, each by a factor of about 1.4; a curve ends where everything is found. */
export const EFS = [10, 14, 20, 28, 39, 54, 76, 106, 148, 207, 286, 400, 560, 800, 1120] as const

/** Probes from 2 to 1,024; a curve ends where everything is found. */
export const PROBES = [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024] as const
