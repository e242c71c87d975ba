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

/** Begins the work that belongs to what is current now, and anew whenever something else is; not before it is ready. */
export function whenever<T>(current: () => T | undefined, begin: (value: T) => Iterator<unknown>): () => void {
  let [last, stop]: [T | undefined, () => void] = [undefined, () => undefined];
  const look = (): void => {
    const value = current();
    if (value === undefined || value === last) return;
    stop();
    [last, stop] = [value, betweenRequests(begin(value))];
  };
  const timer = setInterval(look, 500);
  timer.unref();
  look();
  return () => {
    clearInterval(timer);
    stop();
  };
}
