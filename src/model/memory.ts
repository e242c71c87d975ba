/** An object that gets a private field, whatever it is: this constructor returns what it is given. */
class Itself {
  constructor(key: object) {
    return key;
  }
}

/** What is remembered of one object, in a private field of it. */
class Remembered extends Itself {
  readonly #by = new WeakMap<object, unknown>();

  static of(key: object): WeakMap<object, unknown> | undefined {
    return #by in key ? key.#by : undefined;
  }

  static begin(key: object): WeakMap<object, unknown> {
    return (new Remembered(key) as Remembered).#by;
  }
}

/**
 * What somebody remembers of objects, kept as long as both are there: a WeakMap that lies with its keys. An old WeakMap holds its
 * values until the next full collection, and with a value that reaches its key every request that was answered long ago.
 */
export class Memory<K extends object, V> {
  get(key: K): V | undefined {
    return Remembered.of(key)?.get(this) as V | undefined;
  }

  set(key: K, value: V): void {
    (Remembered.of(key) ?? Remembered.begin(key)).set(this, value);
  }
}
