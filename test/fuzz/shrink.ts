// Makes a failing input as small as it goes, and shows it as text that can become a wire case.

/**
 * Delta debugging: leaves out ever smaller parts for as long as `fails` says so; then makes what is left plainer. After
 * `ms` it gives what it has.
 */
export function shrink(bytes: Buffer, ms: number, ask: (bytes: Buffer) => boolean): Buffer {
  const deadline = performance.now() + ms;
  const fails = (tried: Buffer): boolean => performance.now() < deadline && ask(tried);
  let smallest = bytes;
  for (let size = Math.ceil(bytes.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length; ) {
      const shorter = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      if (shorter.length < smallest.length && fails(shorter)) smallest = shorter;
      else at += size;
    }
  }
  for (let at = 0; at < smallest.length; at += 1) {
    const octet = smallest[at] ?? 0;
    if (!/[b-zA-Z\x80-\xff]/.test(String.fromCharCode(octet))) continue;
    const plainer = Buffer.from(smallest);
    plainer[at] = 97;
    if (fails(plainer)) smallest = plainer;
  }
  return smallest;
}

/** As a string of JavaScript (what is in quotes) in which long runs of one octet are told by their length. */
export function escaped(bytes: Uint8Array): string {
  const text = octets(bytes).replace(
    /([^\\])\1{39,}/g,
    (run, octet) => `' + '${octet}'.repeat(${run.length}) + '`,
  );
  return `'${text}'`;
}

function octets(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => {
    if (octet === 13) return '\\r';
    if (octet === 10) return '\\n';
    if (octet === 9) return '\\t';
    if (octet === 39 || octet === 92) return `\\${String.fromCharCode(octet)}`;
    if (octet >= 32 && octet < 127) return String.fromCharCode(octet);
    return `\\x${octet.toString(16).padStart(2, '0')}`;
  }).join('');
}
