/** Pixels of one image, row by row, the channels of a pixel together. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/**
 * Decodes the two formats that sharp does not: netpbm (P2, P3, P5 and P6, up to 16 bits) and BMP (uncompressed, 8 bits
 * with a palette, 24 or 32 bits). Returns undefined for bytes of another format; throws Error where they are damaged.
 */
export function decodeRaster(bytes: Uint8Array): Raster | undefined {
  const magic = String.fromCharCode(bytes[0] ?? 0, bytes[1] ?? 0);
  if (magic === 'BM') return decodeBmp(bytes);
  if (/^P[2356]$/.test(magic)) return decodeNetpbm(bytes, Number(magic[1]));
  return undefined;
}

/** https://netpbm.sourceforge.net/doc/ppm.html: P2, P3 hold text, P5, P6 bytes; P3, P6 RGB. */
function decodeNetpbm(bytes: Uint8Array, kind: number): Raster {
  let at = 2;
  const number = (): number => {
    while (at < bytes.length && (isSpace(bytes[at]) || bytes[at] === 0x23)) {
      if (bytes[at] === 0x23) while (at < bytes.length && bytes[at] !== 0x0a) at++;
      else at++;
    }
    let value = 0;
    const start = at;
    for (; bytes[at] >= 0x30 && bytes[at] <= 0x39; at++) value = value * 10 + bytes[at] - 0x30;
    if (at === start) throw new Error('netpbm: a number is missing');
    return value;
  };
  const width = number();
  const height = number();
  const maximum = number();
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  checkSize(width, height);
  if (maximum < 1 || maximum > 65535) throw new Error(`netpbm: maximum value ${maximum}`);
  at++; // the one white space before binary pixels
  const wide = maximum > 255;
  const count = width * height * channels;
  const binary = kind >= 5;
  if (binary && bytes.length < at + count * (wide ? 2 : 1)) throw new Error('netpbm: pixels are missing');
  const data = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    let value: number;
    if (!binary) value = number();
    else value = wide ? bytes[at + 2 * i] * 256 + bytes[at + 2 * i + 1] : bytes[at + i];
    data[i] = Math.round(255 * Math.min(value, maximum) / maximum);
  }
  return { width, height, channels, data };
}

const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

/** Rows are stored bottom-up (top-down where the height is negative), in BGR order, padded to four bytes. */
function decodeBmp(bytes: Uint8Array): Raster {
  if (bytes.length < 54) throw new Error('BMP: the header is cut off');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offset = view.getUint32(10, true);
  const headerSize = view.getUint32(14, true);
  const width = view.getInt32(18, true);
  const signedHeight = view.getInt32(22, true);
  const height = Math.abs(signedHeight);
  const bits = view.getUint16(28, true);
  const compression = view.getUint32(30, true);
  checkSize(width, height);
  // 3 is "bit fields"; with 32 bits these are in practice always the plain BGRA order.
  const plain = compression === 0 || (compression === 3 && bits === 32);
  if (headerSize < 40 || !plain || ![8, 24, 32].includes(bits)) {
    throw new Error(`BMP: ${bits} bits with compression ${compression} is not supported; save it as PNG`);
  }
  const stride = Math.ceil(width * bits / 32) * 4;
  if (bytes.length < offset + stride * height) throw new Error('BMP: pixels are missing');
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    const row = offset + stride * (signedHeight > 0 ? height - 1 - y : y);
    for (let x = 0; x < width; x++, to += 3) {
      const from = bits === 8 ? 14 + headerSize + 4 * bytes[row + x] : row + x * bits / 8;
      data[to] = bytes[from + 2];
      data[to + 1] = bytes[from + 1];
      data[to + 2] = bytes[from];
    }
  }
  return { width, height, channels: 3, data };
}

function checkSize(width: number, height: number): void {
  // The same bound as sharp's: a damaged header must not ask for all memory.
  if (width < 1 || height < 1 || width * height > 0x3fff ** 2) throw new Error(`size ${width} x ${height}`);
}
