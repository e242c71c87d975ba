// Loaded before the program (`node --import`): SIGUSR2 moves its wall clock, by the milliseconds of CLOCK_JUMP, once per signal.
const RealDate = Date;
let moved = 0;
globalThis.Date = class extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(RealDate.now() + moved);
    else super(...parts);
  }

  static now() {
    return RealDate.now() + moved;
  }
};
process.on("SIGUSR2", () => {
  moved += Number(process.env.CLOCK_JUMP);
});
