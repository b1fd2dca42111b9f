#!/bin/sh
# sh bench/demo_marks.sh GAUGER FOLDER: marks in a real model's answers, from a new master key to the accounts behind.
set -eu
gauger=$1 out=$2
rm -rf "$out" && mkdir -p "$out"
export GAUGER_DEMO_PHRASE="a phrase for this demo and nothing else"
master="--key-file $out/master.json --passphrase-env GAUGER_DEMO_PHRASE"
context="--tenant demo --epoch 2026 --model smollm2 --tokenizer smollm2-bpe --scheme gumbel:h=2"

cat > "$out/prompts.jsonl" <<'PROMPTS'
{"id": "1", "prompt": "Write a short story about a lighthouse keeper.", "party": "account:3"}
{"id": "2", "prompt": "Explain how bread rises.", "party": "account:7"}
{"id": "3", "prompt": "Give me three ideas for a rainy afternoon.", "party": "account:7"}
PROMPTS
{
  echo tenant,party,epoch,model,tokenizer,scheme
  for k in $(seq 0 99); do echo "demo,account:$k,2026,smollm2,smollm2-bpe,gumbel:h=2"; done
} > "$out/accounts.csv"

set -x
"$gauger" watermark keygen "$out/master.json" --passphrase-env GAUGER_DEMO_PHRASE
"$gauger" watermark commit --contexts "$out/accounts.csv" --out "$out/committed" $master
"$gauger" watermark mark --weights smollm2 --prompts "$out/prompts.jsonl" --out "$out/marked.jsonl" \
  --max-tokens 100 --party fleet $context $master
"$gauger" watermark trace --tokens "$out/marked.jsonl" --contexts "$out/accounts.csv" --top 4 $master && exit 1
test $? -eq 1 # 1: somebody is accused
