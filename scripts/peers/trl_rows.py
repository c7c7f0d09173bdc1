"""Compares TRL with us on the ids and loss masks of fine-tuning rows.

Usage, in the environment of scripts/setup.sh --oracle:
  python scripts/peers/trl_rows.py dump    --model M [--data ../shared/data] [--work runs/trl_rows] [--rows 200]
  python scripts/peers/trl_rows.py compare --model M [--work runs/trl_rows] [--bin build/cpu-release/bin]

dump     takes real rows of every format, converts them as users of TRL do, and has TRL's trainers tokenise them.
         WORK/FORMAT.rows.jsonl holds the rows as we read them, WORK/trl.jsonl a line for each: {format, row, input_ids,
         labels}, or for pairs {format, row, chosen_input_ids, chosen_labels, rejected_input_ids, rejected_labels}.
compare  with --bin has `llmdata show` write WORK/FORMAT.ours.jsonl; then reads those files, one line for each row in
         their order: {"documents": [{"ids": [...], "trained": [0 or 1, ...]}]}, chosen before rejected.

M is a Hugging Face directory with SmolLM2's tokenizer and template (`llmconvert import` of the GGUF file). Nothing is
truncated. Differences that are ours by intent are counted:
  end_of_turn_doubled  TRL's ORPO adds an end-of-turn behind the newline that the template writes after its own
  newline_trained      TRL trains that newline
  segments_joined      TRL tokenises prompt and answer as one text: tokens beside the boundary differ, and count as answer
  bos_prepended        TRL's ORPO puts the tokenizer's BOS, for SmolLM2 <|im_start|>, before prompts without a template
Exit code 1 when anything else differs. The report is one JSON object.
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

ROLES = {"human": "user", "gpt": "assistant", "system": "system"}
UNLIMITED = 1 << 20
SHOWN = 5
# SmolLM2's template with the assistant's turns marked, newline included, as the training templates that TRL ships have it.
MARKED_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{% if message['role'] == 'assistant' %}{% generation %}"
    "{{ message['content'] + '<|im_end|>' + '\n' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' + '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")

# What our program is told, what TRL is given: see the functions of the same names.
Format = collections.namedtuple("Format", "file ours template trl trainer")
FORMATS = {
    "text": Format("sft/en_alpaca.alpaca.jsonl", "output_as_text", "none", "as_it_is", "sft"),
    "alpaca_en": Format("sft/en_alpaca.alpaca.jsonl", "as_it_is", "auto", "alpaca_as_messages", "sft"),
    "alpaca_ko": Format("sft/ko_chatbot.alpaca.jsonl", "as_it_is", "auto", "alpaca_as_messages", "sft"),
    "sharegpt": Format("preference/en_dpo.sharegpt.jsonl", "dialogue_of_pair", "auto", "sharegpt_as_messages", "sft"),
    "messages": Format("sft/ko_translation.messages.jsonl.zst", "as_it_is", "auto", "as_it_is", "sft"),
    "prompt_completion": Format("sft/en_alpaca.alpaca.jsonl", "alpaca_as_texts", "none", "as_it_is", "sft"),
    "preference": Format("preference/ko_translation.jsonl.zst", "as_it_is", "auto", "pair_as_messages", "orpo"),
    "preference_texts": Format("preference/ko_translation.jsonl.zst", "as_it_is", "none", "as_it_is", "orpo"),
    "preference_sharegpt": Format("preference/en_dpo.sharegpt.jsonl", "as_it_is", "auto", "sharegpt_pair_as_messages", "orpo"),
}


def as_it_is(row):
    return row


def output_as_text(row):
    return {"text": row["output"]}


def question_of(row):
    return row["instruction"] + (f"\n{row['input']}" if row["input"].strip() else "")


def alpaca_as_texts(row):
    return {"prompt": f"{question_of(row)}\n\n", "completion": row["output"]}


def alpaca_as_messages(row):
    return {"prompt": [{"role": "user", "content": question_of(row)}],
            "completion": [{"role": "assistant", "content": row["output"]}]}


def as_message(turn):
    return {"role": ROLES[turn["from"]], "content": turn["value"]}


def dialogue_of_pair(row):
    return {"conversations": row["conversations"] + [row["chosen"]]}


def sharegpt_as_messages(row):
    return {"messages": [as_message(turn) for turn in row["conversations"]]}


def sharegpt_pair_as_messages(row):
    return {"prompt": [as_message(turn) for turn in row["conversations"]],
            "chosen": [as_message(row["chosen"])], "rejected": [as_message(row["rejected"])]}


def pair_as_messages(row):
    return {"prompt": [{"role": "user", "content": row["prompt"]}],
            "chosen": [{"role": "assistant", "content": row["chosen"]}],
            "rejected": [{"role": "assistant", "content": row["rejected"]}]}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["dump", "compare"])
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"))
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("runs/trl_rows"))
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--bin", type=pathlib.Path)
    return parser.parse_args()


def read_lines(path, count):
    import pyarrow
    with pyarrow.input_stream(str(path), compression="detect") as stream:
        text = stream.read().decode()
    return [json.loads(line) for line in text.split("\n")[:count] if line]


def write_lines(path, records):
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")


def open_tokenizer(model):
    import transformers
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    stated = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    moved = [token["content"] for token in stated if tokenizer.convert_tokens_to_ids(token["content"]) != token["id"]]
    if moved:
        sys.exit(f"{model}/tokenizer.json: transformers gives {moved} other ids than the file states; "
                 "their names are missing in the model's vocabulary")
    return tokenizer


def make_trainer(name, rows, tokenizer, folder):
    """A trainer of TRL that has prepared `rows`. Its model is as small as models get: it is never run."""
    import datasets
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl import SFTConfig, SFTTrainer
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                                         num_attention_heads=1, num_key_value_heads=1))
    common = {"output_dir": folder, "bf16": False, "fp16": False, "use_cpu": True, "report_to": "none"}
    if name == "orpo":
        kind, config = ORPOTrainer, ORPOConfig(**common, max_length=UNLIMITED, remove_unused_columns=False)
    else:
        kind, config = SFTTrainer, SFTConfig(**common, max_length=None, assistant_only_loss="messages" in rows[0])
    return kind(model=model, args=config, train_dataset=datasets.Dataset.from_list(rows), processing_class=tokenizer)


def trl_rows(fmt, rows, model):
    tokenizer = open_tokenizer(model)
    if "messages" in rows[0]:
        tokenizer.chat_template = MARKED_TEMPLATE
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(fmt.trainer, rows, tokenizer, folder)
        keys = [f"{side}_{key}" for side in ("chosen", "rejected") for key in ("input_ids", "labels")]
        keys = keys if fmt.trainer == "orpo" else ["input_ids", "labels"]
        return [{key: row[key] for key in keys} for row in trainer.train_dataset]


def dump(args):
    import datasets
    import transformers
    datasets.disable_progress_bars()
    datasets.disable_caching()
    transformers.logging.set_verbosity_error()
    args.work.mkdir(parents=True, exist_ok=True)
    records = []
    for name, fmt in FORMATS.items():
        rows = [globals()[fmt.ours](row) for row in read_lines(args.data / fmt.file, args.rows)]
        write_lines(args.work / f"{name}.rows.jsonl", rows)
        tokenised = trl_rows(fmt, [globals()[fmt.trl](row) for row in rows], args.model)
        assert len(tokenised) == len(rows), name
        records += [{"format": name, "row": number, **row} for number, row in enumerate(tokenised)]
    write_lines(args.work / "trl.jsonl", records)
    print(json.dumps({name: sum(record["format"] == name for record in records) for name in FORMATS}))


def show_ours(args):
    for name, fmt in FORMATS.items():
        command = [str(args.bin / "llmdata"), "show", "--input", str(args.work / f"{name}.rows.jsonl"), "--tokenizer",
                   str(args.model), "--template", fmt.template, "--max-length", "0", "--limit", str(UNLIMITED), "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        write_lines(args.work / f"{name}.ours.jsonl", json.loads(done.stdout)["examples"])


class Document:
    """Ids, which of them are trained, and the bytes that each stands for."""

    def __init__(self, ids, trained, vocabulary):
        self.ids, self.trained, self.vocabulary = list(ids), [bool(bit) for bit in trained], vocabulary

    def __eq__(self, other):
        return self.ids == other.ids and self.trained == other.trained

    def drop(self, index):
        del self.ids[index], self.trained[index]

    def ends(self):
        """Byte offset behind each token."""
        ends, end = [], 0
        for token in self.ids:
            end += len(self.vocabulary.bytes_of(token))
            ends.append(end)
        return ends

    def text(self):
        return b"".join(self.vocabulary.bytes_of(token) for token in self.ids)

    def trained_bytes(self):
        return [bit for token, bit in zip(self.ids, self.trained) for _ in self.vocabulary.bytes_of(token)]

    def segments(self):
        """Ids between changes of the mask: what we encode apart."""
        cuts = [i for i in range(1, len(self.ids)) if self.trained[i] != self.trained[i - 1]]
        return [self.ids[a:b] for a, b in zip([0, *cuts], [*cuts, len(self.ids)])]


class Vocabulary:
    def __init__(self, model):
        self.tokenizer = open_tokenizer(model)
        self.bos, self.end = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        self.newline = self.encode("\n")[0]
        self.special = set(self.tokenizer.all_special_ids) | set(self.tokenizer.added_tokens_decoder)
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        rest = [byte for byte in range(256) if byte not in printable]  # GPT-2's names for bytes
        self.byte = {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(rest)}
        self.cache = {}

    def encode(self, text):
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def encode_bytes(self, text):
        """None where the text is no UTF-8: a cut within a character."""
        try:
            return self.encode(text.decode())
        except UnicodeDecodeError:
            return None

    def bytes_of(self, token):
        if token not in self.cache:
            name = self.tokenizer.convert_ids_to_tokens(token)
            self.cache[token] = name.encode() if token in self.special else bytes(self.byte[c] for c in name)
        return self.cache[token]


def joined_differently(ours, theirs):
    """True when the same text is cut into tokens apart here and jointly there, and nothing else differs."""
    vocabulary = ours.vocabulary
    if ours.text() != theirs.text() or vocabulary.encode_bytes(theirs.text()) != theirs.ids:
        return False
    segments = ours.segments()
    texts = [b"".join(map(vocabulary.bytes_of, segment)) for segment in segments]
    if any(vocabulary.encode_bytes(text) != segment for text, segment in zip(texts, segments)):
        return False
    boundaries, end = [], 0
    for text in texts:
        end += len(text)
        boundaries.append(end)
    mine, yours = set(ours.ends()), set(theirs.ends())
    shared = sorted({0} | mine & yours)
    here, there = ours.trained_bytes(), theirs.trained_bytes()
    for start, stop in zip(shared, shared[1:]):
        differs = any(start < end < stop for end in mine | yours)
        if differs and not any(start <= end <= stop for end in boundaries):
            return False  # tokens differ away from the boundaries
        if not differs and here[start:stop] != there[start:stop]:
            return False
    return True


def kinds_of_difference(ours, theirs, template):
    """Names of the intended differences between two documents; "other" when they do not explain all."""
    kinds, vocabulary = [], ours.vocabulary
    if ours == theirs:
        return kinds
    if template == "none" and theirs.ids[:1] == [vocabulary.bos] != ours.ids[:1]:
        theirs.drop(0)
        kinds.append("bos_prepended")
    end, newline = vocabulary.end, vocabulary.newline
    if theirs.ids[-3:] == [end, newline, end] and ours.ids[-3:] != [end, newline, end]:
        theirs.drop(-1)
        kinds.append("end_of_turn_doubled")
    behind = [i for i in range(1, len(theirs.ids))
              if theirs.ids[i - 1 : i + 1] == [end, newline] and theirs.trained[i - 1 : i + 1] == [True, True]]
    if behind:
        for i in behind:
            theirs.trained[i] = False
        kinds.append("newline_trained")
    if ours == theirs:
        return kinds
    return [*kinds, "segments_joined"] if joined_differently(ours, theirs) else ["other"]


def documents_of_trl(record, vocabulary):
    sides = ("chosen_", "rejected_") if "chosen_input_ids" in record else ("",)
    documents = []
    for side in sides:
        ids, labels = record[f"{side}input_ids"], record[f"{side}labels"]
        assert len(ids) == len(labels) and all(label in (-100, token) for token, label in zip(ids, labels))
        documents.append(Document(ids, [label != -100 for label in labels], vocabulary))
    return documents


def compare_format(ours, theirs, template, vocabulary):
    counts, shown = collections.Counter(), []
    if len(ours) != len(theirs):
        return {"other": 1, "shown": [f"{len(ours)} rows of ours, {len(theirs)} of TRL"]}
    for record, other in zip(ours, theirs):
        mine = [Document(document["ids"], document["trained"], vocabulary) for document in record["documents"]]
        yours = documents_of_trl(other, vocabulary)
        counts["documents"] += len(yours)
        if len(mine) != len(yours):
            counts["other"] += 1
            shown.append({"row": other["row"], "documents": [len(mine), len(yours)]})
            continue
        for a, b in zip(mine, yours):
            kinds = kinds_of_difference(a, b, template)
            counts.update(kinds or ["same"])
            if kinds == ["other"]:
                shown.append({"row": other["row"], "ours": a.ids, "ours_trained": [int(bit) for bit in a.trained],
                              "trl": b.ids, "trl_trained": [int(bit) for bit in b.trained]})
    return dict(counts) | ({"shown": shown[:SHOWN]} if shown else {})


def compare(args):
    if args.bin:
        show_ours(args)
    vocabulary = Vocabulary(args.model)
    theirs = collections.defaultdict(list)
    for record in read_lines(args.work / "trl.jsonl", UNLIMITED):
        theirs[record["format"]].append(record)
    report = {name: compare_format(read_lines(args.work / f"{name}.ours.jsonl", UNLIMITED), theirs[name], fmt.template, vocabulary)
              for name, fmt in FORMATS.items()}
    failed = any(counts.get("other") for counts in report.values())
    print(json.dumps(report | {"passed": not failed}, ensure_ascii=False, indent=1))
    sys.exit(1 if failed else 0)


def main():
    args = parse_arguments()
    (dump if args.command == "dump" else compare)(args)


if __name__ == "__main__":
    main()
