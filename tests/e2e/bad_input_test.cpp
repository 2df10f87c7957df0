#include "tests/support/tensor_test.h"
// torch first

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "tests/e2e/golden_run.h"

using namespace llmrun;

namespace {

struct Bad {
  const char* what;
  const char* words;  // behind `llmrun train golden.yaml`
  int exit;
  const char* says;  // a part of the message
};

const Bad kBad[] = {
    {"an unknown key", "--ranks 1 --set parallel.tensr=2", 3, "parallel.tensor"},
    {"a mistyped value", "--ranks 1 --set train.micro_batch=two", 3, "micro_batch"},
    {"ranks that do not factor", "--ranks 3 --set parallel.tensor=2", 3, "3"},
    {"heads that do not divide", "--ranks 3 --set parallel.tensor=3", 3, "1, 2"},
    {"a sequence longer than the positions", "--ranks 1 --set train.seq_len=256", 3, "128"},
    {"a feature that is not built", "--ranks 2 --set parallel.expert=2", 3, "expert"},
    {"a sequence that the ring does not divide", "--ranks 3 --set parallel.context=3 --set train.global_batch=3", 3, "train.seq_len=66"},
    {"Ulysses over ranks that no head is left for", "--ranks 8 --set parallel.sequence=ulysses --set parallel.sequence_size=8", 3,
     "1, 2 and 4"},
    {"a Ulysses axis without Ulysses", "--ranks 2 --set parallel.sequence_size=2", 3, "parallel.sequence=ulysses"},
    {"a global batch that does not divide", "--ranks 1 --set train.micro_batch=3", 3, "global_batch"},
    {"a dataset that is not there", "--ranks 1 --set data.train=nowhere", 5, "nowhere"},
    {"weights that are not there", "--ranks 1 --set model.from=nowhere", 5, "nowhere"},
    {"an empty hostfile", "--hostfile empty", 5, "empty"},
    {"a host that is an option", "--hostfile dash", 5, "-oProxyCommand"},
    {"a learning rate below zero", "--ranks 1 --set optimizer.lr=-1", 3, "optimizer.lr"},
};

}  // namespace

TEST_CASE("bad input: a clear error with the contract's code, and nothing is started") {
  const Golden golden = read_golden("gpt2-tiny");
  const CommandLine shell;
  write_golden_yaml(shell, golden);
  shell.write("empty", "");
  shell.write("dash", "-oProxyCommand=x\n");
  for (const Bad& bad : kBad) {
    const Outcome outcome = shell(fmt::format("llmrun train golden.yaml {}", bad.words));
    CHECK_MESSAGE(outcome.exit == bad.exit, bad.what, ": ", outcome.err);
    CHECK_MESSAGE(outcome.err.find(bad.says) != std::string::npos, bad.what, ": ", outcome.err);
    CHECK_MESSAGE(outcome.err.find("hint:") != std::string::npos, bad.what, ": ", outcome.err);
    CHECK_MESSAGE(!std::filesystem::exists(shell.path("run/checkpoints")), bad.what);
  }
}

TEST_CASE("damaged datasets and weights are refused with exit 5 and the file's name") {
  const Golden golden = read_golden("gpt2-tiny");
  const CommandLine shell;
  write_golden_yaml(shell, golden);
  for (const char* suffix : {".bin", ".idx"}) {
    std::filesystem::copy_file(golden.dir / "tokens.bin", shell.path("cut.bin"), std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(golden.dir / "tokens.idx", shell.path("cut.idx"), std::filesystem::copy_options::overwrite_existing);
    const std::string cut = shell.path(std::string("cut") + suffix);
    std::filesystem::resize_file(cut, std::filesystem::file_size(cut) - 7);
    const Outcome outcome = shell("llmrun train golden.yaml --ranks 1 --set data.train=cut");
    CHECK_MESSAGE(outcome.exit == 5, outcome.err);
    CHECK_MESSAGE(outcome.err.find("cut") != std::string::npos, outcome.err);
  }
  std::filesystem::copy(golden.dir, shell.path("model"));
  shell.write("model/model.safetensors", std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8) + "{}");
  const Outcome outcome = shell("llmrun train golden.yaml --ranks 1 --set model.from=model");
  CHECK_MESSAGE(outcome.exit == 5, outcome.err);
  CHECK_MESSAGE(outcome.err.find("model.safetensors") != std::string::npos, outcome.err);
}

TEST_CASE("R3: a run does not go on as another model, and says what else is not as it was") {
  const CommandLine shell;
  const std::string run =
      "llmrun train --set model=gpt-tiny --set train.seq_len=32 --set train.precision=fp32 --set run.name=king --set run.dir=runs/one "
      "--ranks 2 ";
  REQUIRE(shell(run + "--set run.steps=2").exit == 0);
  const Outcome other = shell(run + "--set run.steps=4 --set model.layers=2");
  CHECK(other.exit == 3);
  CHECK(other.err.find("of another model: model.layers 4 -> 2\nhint: leave the model as it was") != std::string::npos);
  const Outcome goes_on = shell(run + "--set run.steps=4 --set optimizer.lr=1e-4 --set train.global_batch=6 --json");
  CHECK(goes_on.exit == 0);
  CHECK(goes_on.err.find("optimizer.lr 0.0003 -> 0.0001, other than in the checkpoint") != std::string::npos);
  CHECK(goes_on.err.find("train.global_batch 2 -> 6, other than in the checkpoint") != std::string::npos);
  CHECK(json::parse(goes_on.out).at("finished_steps") == 4);
  CHECK(shell("llmrun checkpoint list king").exit == 0);  // by the run's name, whatever its directory is called
  const Outcome wrong = shell(run + "--set run.dir=runs/two --set run.steps=4 --set checkpoint.resume=runs/one");
  CHECK(wrong.exit == 98);
  CHECK(wrong.err.find("that is a run; its newest is --set checkpoint.resume=") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(shell.path("runs/two")));
}

TEST_CASE("what is asked for and does nothing is said") {
  const Outcome outcome = CommandLine()(
      "llmrun train --set model=gpt-tiny --set train.seq_len=32 --ranks 1 --set run.steps=1 --set observe.eval_every=1 "
      "--set parallel.offload=[activations]");
  CHECK(outcome.exit == 0);
  for (const char* nothing : {"data.train is synthetic", "observe.eval_every evaluates nothing", "parallel.offload frees nothing"})
    CHECK_MESSAGE(outcome.err.find(nothing) != std::string::npos, outcome.err);
}

TEST_CASE("an error of the programs that llmrun becomes is the same JSON object as llmrun's own, and its hint is on stderr") {
  const CommandLine shell;
  std::filesystem::copy(read_golden("gpt2-tiny").dir, shell.path("model"));
  struct Refused {
    const char* words;
    int code;
    const char* what;  // the beginning
    const char* hint;
  };
  for (const Refused& refused : std::initializer_list<Refused>{
           {"generate nowhere --prompt x", 2, "no run 'nowhere'", ""},                                  // llmrun itself
           {"generate model --prompt x", 2, "no tokenizer is known for 'model'", "--tokenizer bytes"},  // llmrun-rank
           {"generate model --prompt-ids 1,999999", 2, "prompt id 999999 is outside", "from 0 to 255"},
           {"generate model --prompt-ids 1,,2", 2, "--prompt-ids: '' is not a whole number", "--prompt-ids 1,2,3"},
           {"generate model --prompt-ids 1 --temperature nan", 2, "--temperature: 'nan' is not a number of 0 or more", "--help"},
           {"generate model --prompt-ids 1 --top-p nan", 2, "--top-p: 'nan' is not a number from 0 to 1", "--help"},
           {"generate model --prompt-ids 1 --seed -1", 2, "--seed: '-1' is not a whole number of 0 or more", "--help"},
           {"generate model --prompt-ids 1 --max-new-tokens 99999999999999999999", 2,
            "--max-new-tokens: '99999999999999999999' is too large", ""},
           {"generate model --prompt x --tokenizer foo", 2, "unknown tokenizer 'foo'", "spm-train:4096"},
           {"generate model --prompt x --tokenizer spm:nowhere", 5, "cannot read the SentencePiece model", ""},
           {"bench step --family bert", 2, "--family: 'bert' is none of gpt, llama", "llmrun bench step --help"},
           {"bench step --threads 100000", 2, "--threads: '100000' is not a whole number from 0 to 4096", "--help"},
           {"bench step --peak-tflops nan", 2, "--peak-tflops: 'nan' is not a number of 0 or more", "--help"},
           {"bench step --hidden 512 --heads 3", 2, "--heads 3 does not divide --hidden 512", "--hidden 192"},
           {"bench step --heads 8 --kv-heads 3", 2, "--kv-heads 3 does not divide --heads 8", "--kv-heads 1"},
           {"bench step --family llama --hidden 6 --heads 2", 2, "rotary positions need heads of an even size", ""},
           {"bench comm --ranks 2 --sizes 1KiB,many", 2, "--sizes: 'many' is not", "--sizes 64KiB,1MiB,16MiB"},
           {"bench comm --ranks 2 --collectives gather", 2, "--collectives: 'gather' is none of", "--help"},
           {"checkpoint show model", 2, "'model' is a Hugging Face directory, not a run", "llmrun generate model"}}) {
    const Outcome outcome = shell(std::string("llmrun ") + refused.words + " --json");
    CAPTURE(refused.words);
    CAPTURE(outcome.err);
    CHECK(outcome.exit == refused.code);
    const json document = json::parse(outcome.out, nullptr, /*allow_exceptions=*/false);
    CHECK_MESSAGE(document.is_object(), outcome.out);
    if (!document.is_object()) continue;
    CHECK(document.at("version") == 1);
    CHECK(document.at("error").at("code") == refused.code);
    const json& complaint = document.at("error").at("complaints").at(0);
    CHECK(complaint.at("what").get<std::string>().starts_with(refused.what));
    CHECK(complaint.at("hint").get<std::string>().find(refused.hint) != std::string::npos);
    CHECK(outcome.err.find("llmrun: " + complaint.at("what").get<std::string>()) != std::string::npos);
    CHECK(outcome.err.find("hint: " + complaint.at("hint").get<std::string>()) != std::string::npos);
  }
}

TEST_CASE("a stdout that takes nothing is a failure of the programs that llmrun becomes too") {
  const CommandLine shell;
  std::filesystem::copy(read_golden("gpt2-tiny").dir, shell.path("model"));
  const std::string small = "--layers 1 --hidden 32 --heads 2 --vocab 64 --seq-len 16 --micro-batch 1 --steps 1 --warmup 0 --threads 1";
  for (const std::string& words :
       {std::string("generate model --prompt-ids 1,2 --max-new-tokens 1"), "bench step " + small, "bench ops " + small})
    for (const char* nowhere : {" > /dev/full", " --json > /dev/full", " >&-"}) {
      const Outcome outcome = shell("llmrun " + words + nowhere);
      CHECK_MESSAGE(outcome.exit == 1, words, nowhere);
      CHECK(outcome.err.find("llmrun: cannot write to stdout\n") != std::string::npos);
    }
}

TEST_CASE("generate says what the model does not see of a prompt, and which file would name the tokenizer") {
  const Golden golden = read_golden("gpt2-tiny");
  const CommandLine shell;
  std::filesystem::copy(golden.dir, shell.path("model"));
  const std::string one = "llmrun generate model --max-new-tokens 1 --prompt-ids 1";
  const auto prompt = [&](int64_t tokens) {
    std::string words = one;
    for (int64_t i = 1; i < tokens; ++i) words += ",1";
    return words;
  };
  CHECK(shell(prompt(128)).err == "");
  const Outcome longer = shell(prompt(129));
  CHECK(longer.exit == 0);
  CHECK(longer.err == "llmrun: the prompt has 129 tokens, and the model sees only the last 128\n");

  shell.write("book.txt", "In the beginning\n");
  shell("for i in 1 2 3 4 5 6; do cat book.txt book.txt > more.txt; mv more.txt book.txt; done; llmrun data prepare book.txt --out book");
  REQUIRE(
      shell(
          "llmrun train --ranks 1 --set model=gpt-tiny --set train.seq_len=32 --set run.steps=1 --set run.name=read --set data.train=book")
          .exit == 0);
  CHECK(shell("llmrun generate read --prompt x --max-new-tokens 1").exit == 0);
  const Outcome moved = shell("mkdir moved; mv book.* moved; llmrun generate read --prompt x");
  CHECK(moved.exit == 2);
  CHECK(moved.err.find(fmt::format("and there is no '{}' to name the tokenizer", shell.path("book.json"))) != std::string::npos);
}

TEST_CASE("generate invents no text from weights that are not finite: exit 97") {
  const Golden golden = read_golden("gpt2-tiny");
  const CommandLine shell;
  std::filesystem::copy(golden.dir, shell.path("model"));
  std::string file = CommandLine::slurp(shell.path("model/model.safetensors"));
  uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof header);
  std::fill(file.begin() + static_cast<int64_t>(sizeof header + header), file.end(), '\xff');  // NaN, in any precision
  shell.write("model/model.safetensors", file);
  for (const char* how : {"", " --temperature 0.7"}) {
    const Outcome outcome = shell(std::string("llmrun generate model --prompt-ids 1 --max-new-tokens 2") + how);
    CHECK(outcome.exit == 97);
    CHECK_MESSAGE(outcome.err.find("not finite") != std::string::npos, outcome.err);
  }
}

TEST_CASE("a rank that its GPU refuses before there is a world is quoted by train and by explain") {
  const CommandLine shell;  // programs away from their modules: no GPU can be used, whatever the machine has
  const std::filesystem::path built = std::filesystem::path(LLMRUN_PROGRAM).parent_path();
  std::filesystem::create_directory(shell.path("bin"));
  for (const char* program : {"llmrun", "llmrun-rank"})
    std::filesystem::copy_file(built / program, shell.path(std::string("bin/") + program));
  const std::string here = fmt::format("export PATH=\"$PWD/bin:$PATH\" LD_LIBRARY_PATH='{}'; ", (built.parent_path() / "lib").string());
  const Outcome refused = shell(here +
                                "llmrun train --set model=gpt-tiny --set run.steps=3 --set run.name=x --set machine=laptop --set "
                                "machine.node.gpus=2 --ranks 2");
  CHECK(refused.exit == 5);
  const std::string told = " (in start): rank ", why = " of this node sees no GPU: ";
  CHECK_MESSAGE(refused.err.find(told) != std::string::npos, refused.err);
  const Outcome explained = shell(here + "llmrun explain x");
  CHECK_MESSAGE(explained.out.find(told) != std::string::npos, explained.out);
  CHECK(explained.out.find(why) != std::string::npos);
  CHECK(explained.out.find("hint: look with nvidia-smi") != std::string::npos);
}
