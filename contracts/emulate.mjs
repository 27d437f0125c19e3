// Starts emulate's Vercel, with one team and one project, on a free port of this machine, and says its address on the
// first line. A number on a line of standard input moves its clock on by so many milliseconds, and is repeated when
// that is done; the end of standard input ends it.
import { createInterface } from "node:readline";

// Its clock stands still but for a millisecond between any two looks at it: what happens second is seen to.
let now = Date.UTC(2026, 2, 1, 9);
const Real = Date;
globalThis.Date = class extends Real {
  constructor(...given) {
    super(...(given.length ? given : [++now]));
  }
  static now() {
    return ++now;
  }
};

const { createEmulator } = await import("emulate");
const emulator = await createEmulator({
  service: "vercel",
  port: 0,
  hostname: "127.0.0.1",
  seed: {
    tokens: { tok: { login: "dev", scopes: [] } },
    vercel: { users: [{ username: "dev" }], teams: [{ slug: "acme" }], projects: [{ name: "dashboard", team: "acme" }] },
  },
});
console.log(`http://127.0.0.1:${new URL(emulator.url).port}`);
for await (const line of createInterface({ input: process.stdin })) {
  now += Number(line);
  console.log(line);
}
await emulator.close();
