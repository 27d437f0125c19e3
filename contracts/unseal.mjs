// Opens sealed boxes with libsodium, as GitHub does: reads {"public", "private", "sealed": []} in base64 from its input
// and writes a list of the texts' bytes in base64.
import { readFileSync } from "node:fs";
import sodium from "libsodium-wrappers";

await sodium.ready;
const bytes = (text) => sodium.from_base64(text, sodium.base64_variants.ORIGINAL);
const asked = JSON.parse(readFileSync(0));
const open = (sealed) => sodium.crypto_box_seal_open(bytes(sealed), bytes(asked.public), bytes(asked.private));
process.stdout.write(JSON.stringify(asked.sealed.map((s) => sodium.to_base64(open(s), sodium.base64_variants.ORIGINAL))));
