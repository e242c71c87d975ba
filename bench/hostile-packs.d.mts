export const HOSTILE: readonly (readonly [name: string, files: Readonly<Record<string, string | Uint8Array>>, problem: RegExp])[];
