// A hall of 15,000 seats in the compact form, some of them held and sold.

export function sampleHall() {
  const grades = [
    { code: "VIP", name: "VIP석", colour: "#8e5bd0" }, { code: "R", name: "R석", colour: "#c24d6b" },
    { code: "S", name: "S석", colour: "#2f7d6d" }, { code: "A", name: "A석", colour: "#3f6fb0" },
  ];
  /** @type {any[]} */
  const zones = [];
  /** @type {any[]} */
  const runs = [];
  const columns = 6;
  const perRow = 25;
  const rows = 20;
  for (let block = 0; block < 30; block++) {
    const x0 = 100 + (block % columns) * 300;
    const y0 = 300 + Math.floor(block / columns) * 260;
    const grade = Math.min(3, Math.floor(block / columns));
    const letter = block < 26 ? String.fromCharCode(65 + block) : `A${String.fromCharCode(39 + block)}`;
    const code = `${Math.floor(block / 12) + 1}F-${letter}`;
    zones.push({ code, name: `${Math.floor(block / 12) + 1}층 ${letter}구역`, grade: grades[grade].code, outline: [x0 - 12, y0 - 12, x0 + 252, y0 - 12, x0 + 252, y0 + 202, x0 - 12, y0 + 202] });
    for (let row = 0; row < rows; row++) {
      const xy = [x0, y0 + row * 10];
      for (let seat = 1; seat < perRow; seat++) xy.push(10, 0);
      runs.push({ z: block, g: grade, r: String(row + 1), c: 1, xy });
    }
  }
  const total = 30 * rows * perRow;
  const bytes = new Uint8Array(total / 4);
  let remaining = 0;
  for (let i = 0; i < total; i++) {
    const dice = (i * 7919) % 17;
    const state = i < 10 ? 0 : dice < 5 ? 2 : dice === 6 ? 1 : 0;
    if (!state) remaining++;
    bytes[i >> 2] |= state << (2 * (i & 3));
  }
  return {
    compact: { hall: "h", version: 1, width: 1900, height: 1650, stage: [700, 60, 1200, 60, 1150, 220, 750, 220], grades, zones, total, runs, accessible: [20, 21] },
    availability: { version: 1, total, remaining, bitset: Buffer.from(bytes).toString("base64") },
  };
}
