/** Where the code lies that V8 made of a program: for this program, V8 and processor only. */
export function codeCacheOf(programFile, digest) {
  return `${programFile.replace(/[.]m?js$/, "")}-${digest}-${process.arch}-${process.versions.v8}.cache`;
}
