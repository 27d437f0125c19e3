// Reads a file of variables with a reader of Node's, and prints what it reads as one JSON object:
// node readers.mjs dotenv|next|node FILE
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import dotenv from "dotenv";
import next from "@next/env";

const readers = {
  dotenv: (file) => dotenv.parse(readFileSync(file)),
  node: (file) => {
    const print = "process.stdout.write(JSON.stringify(process.env))";
    return JSON.parse(execFileSync(process.execPath, ["--env-file", file, "-e", print], { env: {}, maxBuffer: 1 << 28 }));
  },
  // Next reads the files of a folder, and a variable that is set already stays as it is.
  next: (file) => {
    const folder = mkdtempSync(join(tmpdir(), "readers-"));
    try {
      copyFileSync(file, join(folder, ".env.local"));
      for (const name of Object.keys(process.env)) delete process.env[name];
      return next.loadEnvConfig(folder, true).loadedEnvFiles[0].env;
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

const [reader, file] = process.argv.slice(2);
process.stdout.write(JSON.stringify(readers[reader](file)));
