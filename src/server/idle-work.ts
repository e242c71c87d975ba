/** Milliseconds of work at a time: requests that come meanwhile wait for less than the 25 that nothing may take while serving. */
const SLICE = 8;

/** Does the steps of some work between requests, half of the time at most. Returns what stops it. */
export function betweenRequests(work: Iterator<unknown>): () => void {
  const turn = (): void => {
    const end = performance.now() + SLICE;
    while (performance.now() < end) if (work.next().done === true) return;
    timer = setTimeout(turn, SLICE);
    timer.unref();
  };
  let timer = setTimeout(turn, 0);
  timer.unref();
  return () => clearTimeout(timer);
}
