// PROXY headers of version 2 as bytes.

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** Both ends over IPv4: 192.0.2.1:56324 to 198.51.100.2:443. */
export const v4: Buffer = Buffer.from('c0000201' + 'c6336402' + 'dc04' + '01bb', 'hex');
/** Both ends over IPv6: [2001:db8::1]:56324 to [::1]:443. */
export const v6: Buffer = Buffer.from(`20010db8${'0'.repeat(23)}1${'0'.repeat(31)}1dc0401bb`, 'hex');

export function block(version: number, kind: number, rest: Uint8Array): Buffer {
  return Buffer.concat([blockHead(version, kind, rest.length), rest]);
}

export function blockHead(version: number, kind: number, size: number): Buffer {
  return Buffer.concat([signature, Buffer.from([version, kind, size >> 8, size & 255])]);
}

/** A field behind the addresses (TLV). */
export function extra(type: number, text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([Buffer.from([type, bytes.length >> 8, bytes.length & 255]), bytes]);
}
