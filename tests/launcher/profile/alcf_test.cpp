#include <fstream>

#include "engine/core/spec/spellings.h"
#include "launcher/plan/make_plan.h"
#include "launcher/plan/script_rules.h"
#include "tests/launcher/profile/shipped.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

using Words = std::map<std::string, std::string>;

Resolved read(Words environment, std::vector<std::string> sets = {}) {
  return read_config(shipped_sources(std::move(environment), std::move(sets)));
}

/// On `nodes` nodes of Polaris, as inside an allocation there.
PlanInput on_polaris(const Words& environment, int64_t nodes, std::vector<std::string> sets = {}) {
  Sources sources = shipped_sources(environment, std::move(sets));
  sources.host = "x3210c0s1b0n0";
  PlanInput input;
  input.resolved = read_config(sources);
  input.allocation.source = "PBS_NODEFILE";
  for (int64_t node = 0; node < nodes; ++node) input.allocation.hosts.push_back({fmt::format("x3210c0s1b{}n0", node)});
  input.node.gpus = 4;
  input.node.cores = 32;
  input.directory = "/home/ada";
  input.flash = flash_variant(Variables(environment));
  return input;
}

Plan plan_of(PlanInput input) {
  const Placement placement = place_ranks(input);
  settle_script_rules(input.resolved, placement.ranks(), static_cast<int64_t>(placement.hosts.size()));
  return make_plan(input);
}

std::string refusal(const Words& environment, std::vector<std::string> sets = {}) {
  return what_is_wrong(shipped_sources(environment, std::move(sets)));
}

}  // namespace

// facts: "LLMs on Polaris" (ALCF, October 2023): what its users typed, and the directory that came of it.
TEST_CASE("the command of the ALCF talk makes the directory of the ALCF talk, byte for byte") {
  const Words typed{{"MODEL_SIZE_KEY", "GPT13B"}, {"SEQ_LEN", "1024"}, {"MICRO_BATCH", "1"}, {"SP_TYPE", "megatron"}};
  const Plan plan = plan_of(on_polaris(typed, 2));
  CHECK(plan.dir == "/home/ada/outputs/gpt_SP_actCkpt_GPT13B_z1_seqlen1024_mp8_pp1_sp1_nl40_hs5120_gb1_mb1");
  CHECK(plan.layout.tensor == 8);
  CHECK(plan.steps == 10);
  CHECK(plan.config.parallel.zero == 1);
  const Plan other =
      plan_of(on_polaris({{"MODEL_SIZE_KEY", "GPT1_5B"}, {"SEQ_LEN", "1024"}, {"MICRO_BATCH", "1"}, {"SP_TYPE", "megatron"}}, 2));
  CHECK(other.name == "gpt_SP_actCkpt_GPT1_5B_z1_seqlen1024_mp8_pp1_sp1_nl48_hs1536_gb1_mb1");
}

TEST_CASE("which flash attention is asked for stands in the name, but USE_FLASH_ATTN alone does not") {
  const Words size{{"MODEL_SIZE_KEY", "GPT13B"}};
  const auto named = [&](const char* flash) {
    Words words = size;
    words[flash] = "1";
    const Plan plan = plan_of(on_polaris(words, 2));
    CHECK(plan.config.train.attention == AttentionKind::flash);
    return plan.name.substr(0, plan.name.find("_z1"));
  };
  CHECK(named("USE_FLASH_ATTN") == "gpt_SP_actCkpt_GPT13B");
  CHECK(named("USE_FLASH_ATTN_V1") == "gpt_SP_actCkpt_flashAttn_v1_GPT13B");
  CHECK(named("USE_FLASH_ATTN2") == "gpt_SP_actCkpt_flashAttn_v2_GPT13B");
  CHECK(named("USE_FLASH_ATTN_TRITON") == "gpt_SP_actCkpt_flashAttn_triton_GPT13B");
  CHECK(read({{"USE_FLASH_ATTN", "0"}}).config.train.attention == AttentionKind::automatic);
  CHECK(!read({{"USE_FLASH_ATTN", "1"}}).is_set("parallel.recompute"));  // by itself it brings no defaults along
}

TEST_CASE("tensor takes the ranks that the pipeline leaves, and says so") {
  PlanInput input = on_polaris({{"MODEL_SIZE_KEY", "GPT13B"}, {"PPSIZE", "2"}}, 2);
  CHECK(input.resolved.derived.at("parallel.tensor") == "alcf: the ranks that the other axes leave");
  settle_script_rules(input.resolved, 8, 2);
  CHECK(input.resolved.config.parallel.tensor == 4);
  CHECK(input.resolved.set_by("parallel.tensor") == "parallel.tensor 4 is alcf: ranks 8 / parallel.pipeline 2");
  CHECK(plan_of(on_polaris({{"MODEL_SIZE_KEY", "GPT13B"}, {"MPSIZE", "2"}}, 2)).layout == Layout{.tensor = 2, .data = 4});
  CHECK(plan_of(on_polaris({{"MODEL_SIZE_KEY", "GPT13B"}}, 2, {"parallel.data=2"})).layout == Layout{.tensor = 4, .data = 2});
}

TEST_CASE("the scripts' defaults lie below what anybody says, in a file, a variable or on the command line") {
  const Resolved plain = read({{"MODEL_SIZE_KEY", "GPT13B"}});
  CHECK(plain.config.train.seq_len == 2048);
  CHECK(plain.config.parallel.recompute == Recompute::full);
  CHECK(plain.config.parallel.sequence == SequenceParallel::megatron);
  CHECK(plain.config.optimizer.lr == 1.5e-4);
  CHECK(plain.set_by("parallel.zero") == "parallel.zero 1 was set by alcf");

  TemporaryDirectory directory;
  std::ofstream(directory / "run.yaml") << "train: {seq_len: 512}\nrun: {tokens: 1M}\nparallel: {recompute: none}\n";
  Sources sources = shipped_sources({{"MODEL_SIZE_KEY", "GPT13B"}, {"ZERO_STAGE", "0"}}, {"optimizer.lr=1e-3"});
  sources.run_file = directory / "run.yaml";
  const Resolved resolved = read_config(sources);
  CHECK(resolved.config.train.seq_len == 512);
  CHECK(resolved.config.parallel.recompute == Recompute::none);
  CHECK(resolved.config.parallel.zero == 0);
  CHECK(resolved.config.optimizer.lr == 1e-3);
  CHECK(!resolved.config.run.steps);  // tokens say it in another way
}

TEST_CASE("names count with the word that they belong to, and not without it") {
  const Words old{{"USE_ACTIVATION_CHECKPOINTING", "0"}, {"USE_SEQUENCE_PARALLEL", "0"}, {"GRADIENT_ACCUMULATION_STEPS", "4"}};
  const Words newer{{"TP", "2"}, {"LR", "1e-3"}, {"GRAD_ACC_STEPS", "5"}, {"TRAIN_ITERS", "7"}};
  Words both = old;
  both.insert(newer.begin(), newer.end());
  CHECK(read(both).variables.empty());
  CHECK(read(both).config.parallel.tensor == 1);

  both["MODEL_SIZE_KEY"] = "GPT13B";
  Resolved resolved = read(both);
  CHECK(resolved.config.parallel.recompute == Recompute::none);
  CHECK(resolved.config.parallel.sequence == SequenceParallel::none);
  CHECK(resolved.config.train.accumulate == 4);
  CHECK(resolved.config.parallel.tensor == 1);
  CHECK(resolved.config.run.steps == 10);
  both.erase("MODEL_SIZE_KEY");
  both["SP_TYPE"] = "megatron";
  CHECK(read(both).config.train.accumulate == 4);
  both.erase("SP_TYPE");

  both["MODEL_ARCH"] = "7B";
  resolved = read(both);
  CHECK(resolved.config.model.profile == "aurora-gpt-7b");
  CHECK(resolved.config.parallel.tensor == 2);
  CHECK(resolved.config.optimizer.lr == 1e-3);
  CHECK(resolved.config.train.accumulate == 5);
  CHECK(resolved.config.run.steps == 7);
  CHECK(!resolved.config.run.tokens);
}

TEST_CASE("the newer scripts' defaults go by the machine and its nodes") {
  const auto batch = [](int64_t nodes) {
    const Plan plan = plan_of(on_polaris({{"MODEL_ARCH", "7B"}}, nodes));
    return std::pair(plan.config.train.micro_batch, plan.accumulate);
  };
  CHECK(batch(2) == std::pair<int64_t, int64_t>(1, 8));
  CHECK(batch(3) == std::pair<int64_t, int64_t>(2, 8));
  CHECK(batch(8) == std::pair<int64_t, int64_t>(4, 8));
  Resolved perlmutter = read({{"MODEL_ARCH", "7B"}}, {"machine=perlmutter"});
  settle_script_rules(perlmutter, 8, 2);
  CHECK(perlmutter.config.parallel.tensor == 2);
  CHECK(perlmutter.config.train.accumulate == 1);
  const Plan plan = plan_of(on_polaris({{"MODEL_ARCH", "7B"}, {"TRAIN_ITERS", "1000"}, {"MICRO_BATCH", "3"}}, 8));
  CHECK(plan.config.train.micro_batch == 3);
  CHECK(plan.config.optimizer.warmup_steps == 50);  // 0.05 of the steps
  CHECK(plan.config.optimizer.eps == 1e-5);
  CHECK(plan.layout.tensor == 1);
  CHECK(plan.config.parallel.recompute == Recompute::none);
  CHECK(read({{"MODEL_ARCH", "7B"}}).config.run.tokens == 4673780159710);
  CHECK(plan_of(on_polaris({{"MODEL_ARCH", "7B"}, {"TRAIN_ITERS", "100"}, {"LR_WARMUP_FRAC", "0.5"}}, 1)).config.optimizer.warmup_steps ==
        50);
  CHECK(refusal({{"MODEL_ARCH", "7B"}, {"LR_WARMUP_FRAC", "5%"}}) == "LR_WARMUP_FRAC=5% is no share of the steps");
}

TEST_CASE("a site's own profile goes by the scripts' rules for the machine that it builds on") {
  TemporaryDirectory site;
  std::filesystem::create_directories(site / "machines");
  std::ofstream(site / "machines/ours.yaml") << "extends: polaris\n";
  std::ofstream(site / "machines/ours-large.yaml") << "extends: ours\n";
  std::ofstream(site / "machines/theirs.yaml") << "node: {gpus: 4}\n";
  const auto batch = [&](const char* machine) {
    Sources sources = shipped_sources({{"MODEL_ARCH", "7B"}}, {std::string("machine=") + machine});
    sources.profile_directories.insert(sources.profile_directories.begin(), site.path());
    Resolved resolved = read_config(sources);
    settle_script_rules(resolved, 32, 8);
    return std::pair(resolved.config.train.micro_batch, resolved.config.train.accumulate.value_or(0));
  };
  CHECK(batch("ours") == std::pair<int64_t, int64_t>(4, 8));
  CHECK(batch("ours-large") == std::pair<int64_t, int64_t>(4, 8));
  CHECK(batch("theirs") == std::pair<int64_t, int64_t>(1, 1));
  CHECK(batch("sunspot") == std::pair<int64_t, int64_t>(1, 16));
}

TEST_CASE("what the rules make of ranks and nodes says so") {
  PlanInput input = on_polaris({{"MODEL_ARCH", "7B"}, {"TRAIN_ITERS", "1000"}}, 8);
  settle_script_rules(input.resolved, 32, 8);
  CHECK(input.resolved.set_by("train.micro_batch") == "train.micro_batch 4 is alcf: 8 nodes of 'polaris'");
  CHECK(input.resolved.set_by("optimizer.warmup_steps") == "optimizer.warmup_steps 50 is alcf: 0.05 of 1000 steps");
  CHECK(input.resolved.set_by("model.profile") == "model.profile aurora-gpt-7b was set by environment MODEL_ARCH");
  CHECK(input.resolved.set_by("machine.profile") == "machine.profile polaris was set by host name");
}

TEST_CASE("the architecture that the scripts train with ZeRO 2 is planned so") {
  CHECK(plan_of(on_polaris({{"MODEL_ARCH", "33B"}}, 12)).config.parallel.zero == 2);
}

TEST_CASE("the precision that the scripts name is trained in") {
  CHECK(plan_of(on_polaris({{"MODEL_ARCH", "7B"}, {"DTYPE", "fp16"}}, 12)).config.train.precision == Precision::fp16);
}

TEST_CASE("CPU_OPTIMIZER keeps the optimizer in host memory") {
  CHECK(plan_of(on_polaris({{"MODEL_ARCH", "7B"}, {"CPU_OPTIMIZER", "1"}}, 12)).config.parallel.offloads(Offload::optimizer));
}

TEST_CASE("a key with a slip is understood") {
  for (const auto& [key, hint] :
       std::initializer_list<std::pair<const char*, const char*>>{{"GTP13B", "did you mean MODEL_SIZE_KEY=GPT13B?"},
                                                                  {"gpt13b", "did you mean MODEL_SIZE_KEY=GPT13B?"},
                                                                  {"GPT1.5B", "did you mean MODEL_SIZE_KEY=GPT1_5B?"},
                                                                  {"GPT145", "did you mean MODEL_SIZE_KEY=GPT145B or "},
                                                                  {"GPT1T", "did you mean MODEL_SIZE_KEY=GPT1T_{1,2,4,8,16,24,"},
                                                                  {"llama-3.1-8b", "unset MODEL_SIZE_KEY, and --set model=llama-3.1-8b"},
                                                                  {"mine", "llmrun profiles list"}}) {
    CAPTURE(key);
    try {
      read_config(shipped_sources({{"MODEL_SIZE_KEY", key}}));
      FAIL("it was accepted");
    } catch (const Error& error) {
      CHECK_MESSAGE(error.complaints().front().hint.starts_with(hint), error.complaints().front().hint);
    }
  }
}

TEST_CASE("what the scripts can do and we cannot yet is refused by name") {
  const auto says = [](const Words& words, const char* text) { return refusal(words).find(text) != std::string::npos; };
  CHECK(says({{"MODEL_ARCH", "7B"}, {"OPT", "muon"}}, "OPT=muon: optimizers other than adamw are not built yet"));
  CHECK(says({{"SP_TYPE", "both"}}, "SP_TYPE=both is neither megatron nor ds"));
  CHECK(says({{"MODEL_ARCH", "8B"}}, "no model profile has the key MODEL_ARCH=8B"));
  CHECK(says({{"MODEL_ARCH", "7B"}, {"MODEL_SIZE_KEY", "GPT13B"}}, "MODEL_ARCH and MODEL_SIZE_KEY both name the model"));
  CHECK(refusal({{"MODEL_ARCH", ""}, {"SP_TYPE", ""}, {"MODEL_SIZE_KEY", ""}}).empty());  // an empty variable is an unset one
}

TEST_CASE("in a job the resolved configuration keeps the spelling that chose its model") {
  TemporaryDirectory directory;
  std::ofstream(directory / "config.yaml") << "model: {profile: gpt-13b}\nrun: {steps: 1}\n";
  Sources sources = shipped_sources({{"LLMRUN_SIZE_KEY", "GPT13B"}});
  CHECK(read_config(sources).model_size_key.empty());
  sources.run_file = directory / "config.yaml";
  CHECK(read_config(sources).model_size_key == "GPT13B");
  CHECK(read_config(sources).variables.empty());
}

TEST_CASE("where another program is launched, the knobs of a training are its own business") {
  Sources sources =
      shipped_sources({{"SP_TYPE", "ds"}, {"MODEL_SIZE_KEY", "MINE"}, {"SEQ_LEN", "long"}, {"MPSIZE", "8"}, {"LLMRUN_JOB_NODES", "2"}});
  sources.trains = false;
  const Config config = read_config(sources).config;
  CHECK(config.parallel.tensor == 1);
  CHECK(config.job.nodes == 2);
}

TEST_CASE("SP_TYPE=ds with MPSIZE over every rank does nothing, which is said") {
  const Words typed{{"MODEL_SIZE_KEY", "GPT13B"}, {"SP_TYPE", "ds"}, {"MPSIZE", "8"}, {"ZERO_STAGE", "1"}};
  PlanInput input = on_polaris(typed, 2);
  const std::vector<std::string> notes = settle_script_rules(input.resolved, 8, 2);
  REQUIRE(notes.size() == 1);
  CHECK(notes[0] == "warning: SP_TYPE=ds does nothing: parallel.tensor 8 (MPSIZE) takes every rank");
  CHECK(input.resolved.config.parallel.sequence == SequenceParallel::none);
  CHECK(make_plan(input).name == "gpt_actCkpt_GPT13B_z1_seqlen2048_mp8_pp1_sp1_nl40_hs5120_gb1_mb1");
}

TEST_CASE("SP_TYPE=ds gives Ulysses every rank that the pipeline leaves, and ZeRO 3") {
  const Plan plan = plan_of(on_polaris({{"MODEL_SIZE_KEY", "GPT13B"}, {"SP_TYPE", "ds"}}, 2));
  CHECK(plan.layout == Layout{.sequence_size = 8});
  CHECK(plan.config.parallel.sequence == SequenceParallel::ulysses);
  CHECK(plan.name == "gpt_actCkpt_GPT13B_z3_seqlen2048_mp1_pp1_sp8_nl40_hs5120_gb1_mb1");
  CHECK_THROWS_WITH_AS(plan_of(on_polaris({{"MODEL_SIZE_KEY", "GPT13B"}, {"SP_TYPE", "ds"}}, 32)),
                       doctest::Contains("parallel.sequence_size 128 does not divide model.heads 64"), Error);
}

TEST_CASE("SP_TYPE=ds with MPSIZE over some of the ranks gives Ulysses the others, which the scripts do not do") {
  PlanInput input = on_polaris({{"MODEL_SIZE_KEY", "GPT13B"}, {"SP_TYPE", "ds"}, {"MPSIZE", "2"}, {"ZERO_STAGE", "1"}}, 2);
  const std::vector<std::string> notes = settle_script_rules(input.resolved, 8, 2);
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].starts_with("note: parallel.tensor 2 (MPSIZE) counts"));
  const Plan plan = make_plan(input);
  CHECK(plan.layout == Layout{.tensor = 2, .sequence_size = 4});
  CHECK(plan.config.parallel.sequence == SequenceParallel::ulysses);
}

TEST_CASE("the variables that have their way are listed as they were set") {
  const Resolved resolved =
      read({{"MODEL_SIZE_KEY", "GPT13B"}, {"SEQ_LEN", "1024"}, {"SP_TYPE", "megatron"}, {"USE_FLASH_ATTN", "1"}, {"GAS", "2"}},
           {"train.accumulate=4"});
  CHECK(resolved.variables == std::vector<std::pair<std::string, std::string>>{
                                  {"USE_FLASH_ATTN", "1"}, {"MODEL_SIZE_KEY", "GPT13B"}, {"SP_TYPE", "megatron"}, {"SEQ_LEN", "1024"}});
}

TEST_CASE("DATA_FILE_LIST is read as the scripts read it: weight, prefix, corpus") {
  TemporaryDirectory directory;
  std::ofstream(directory / "list.txt") << "0.25 data/a arxiv\n\n0.75 /abs/b books\n";
  Sources sources = shipped_sources({{"MODEL_ARCH", "7B"}, {"DATA_FILE_LIST", "list.txt"}, {"TRAIN_SPLIT", "9"}});
  sources.directory = directory.path();
  const Config config = read_config(sources).config;
  CHECK(config.data.train == std::vector<DataSource>{{directory / "data/a", 0.25}, {"/abs/b", 0.75}});
  CHECK(config.data.split == std::vector<double>{9, 10, 0});
  std::ofstream(directory / "list.txt") << "0.25 a\n0.75\n";
  CHECK(what_is_wrong(sources) == "'0.75' is not a weight and a prefix");
  sources.environment["DATA_FILE_LIST"] = "nowhere.txt";
  CHECK(what_is_wrong(sources).find("nowhere.txt") != std::string::npos);
}
