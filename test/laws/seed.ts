/** A build gives the same answer twice; `npm run laws`, which sets LAWS_RUNS, searches from the clock. LAWS_SEED repeats a run. */
export const lawSeed = Number(process.env["LAWS_SEED"] ?? (process.env["LAWS_RUNS"] === undefined ? 2_118_477_291 : Date.now() % 2 ** 31));
