// Decrypts a file with sops-age: node decrypt.cjs <stand-ins> <yaml|json|env> <secret key> < file
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");

const [standIns, fileType, secretKey] = process.argv.slice(2);
const { decryptSops } = createRequire(`${standIns}/package.json`)("sops-age");

decryptSops(readFileSync(0, "utf8"), { fileType, secretKey }).then(
  (found) => process.stdout.write(JSON.stringify(found)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
