/** A request cannot be judged at this moment, through no fault of its own: answered as an overload is, by failure mode, and the client asks again. */
export class NotNow extends Error {}
