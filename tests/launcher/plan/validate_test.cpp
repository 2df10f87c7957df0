#include "launcher/plan/validate.h"

#include <fmt/ranges.h>

#include "tests/launcher/plan/plan_cases.h"

namespace llmrun {

TEST_CASE("L2: what cannot work is refused with the arithmetic and a line to type") {
  struct Row {
    std::vector<std::pair<const char*, const char*>> sets;
    std::optional<int64_t> ranks;
    const char* says;
  };
  for (const Row& row : std::initializer_list<Row>{
           {{{"parallel.tensor", "2"}, {"parallel.pipeline", "2"}},
            6,
            "6 ranks are not the product of the axes: tensor 2 x pipeline 2 = 4, and 4 does not divide 6 -> --ranks 4 or --ranks 8; the "
            "nearest "
            "layout of 6 ranks that can be: --set parallel.pipeline=3\n"},
           {{{"parallel.tensor", "2"}, {"parallel.data", "2"}},
            8,
            "8 ranks are not the product of the axes: tensor 2 x data 2 = 4 -> --ranks 4; the nearest layout of 8 ranks that can be: --set "
            "parallel.data=4\n"},
           {{{"parallel.tensor", "8"}},
            8,
            "cannot split attention: parallel.tensor 8 does not divide model.heads 20 -> 1, 2, 4, 5, 10 and 20 divide 20; the nearest "
            "layout of 8 ranks that can be: --set parallel.tensor=4\n"},
           {{{"model.kv_heads", "3"}},
            {},
            "cannot group queries: model.kv_heads 3 does not divide model.heads 20 -> 1, 2, 4, 5, 10 and 20 divide 20: --set "
            "model.kv_heads=2\n"},
           {{{"model.hidden", "330"}},
            {},
            "cannot size a head: model.heads 20 does not divide model.hidden 330 -> 1, 2, 3, 5, 6, 10, 11, 15, 22, 30, 33, "
            "55, 66, 110, 165 and 330 divide 330: --set model.heads=15, or set model.head_dim\n"},
           {{{"parallel.zero", "2"}, {"parallel.shard_group", "4"}},
            6,
            "cannot divide shards: parallel.shard_group 4 does not divide the 6 ranks that share parameters (data 6 x context 1 x sequence "
            "1) -> 1, 2, 3 and 6 divide 6: --set parallel.shard_group=3\n"},
           {{{"parallel.offload", "[parameters]"}},
            6,
            "parameters can wait in host memory between the units' work under parallel.zero 3, not 0 -> --set parallel.zero=3, or leave "
            "parameters out of parallel.offload\n"
            "parallel.offload has the parameters in host memory, and the optimizer that makes them on the GPU -> --set "
            "parallel.offload=[optimizer,parameters]\n"},
           {{{"data.train", "[]"}},
            {},
            "data.train names no dataset -> --set data.train=PREFIX, of PREFIX.bin and PREFIX.idx; or leave it out\n"},
           {{{"data.split", "[0, 0]"}},
            {},
            "data.split needs one to three shares, not all 0: of training, validation and test -> --set data.split=[0.95,0.05]\n"},
           {{{"parallel.shard_group", "2"}},
            4,
            "parallel.shard_group 2 divides nothing under parallel.zero 0 -> --set parallel.zero=1, or leave it out: --set "
            "parallel.shard_group=auto\n"},
           {{{"parallel.shard_group", "3"}},
            8,
            "parallel.shard_group 3 divides nothing under parallel.zero 0 -> leave it out: --set parallel.shard_group=auto\n"},
           {{{"parallel.pipeline", "3"}, {"parallel.recompute", "full"}, {"parallel.recompute_layers", "4"}},
            3,
            "parallel.recompute_layers 4 of a stage that has 3 layers -> --set parallel.recompute_layers=3, or leave it out: all layers\n"},
           {{{"parallel.zero", "1"}, {"parallel.shard_group", "2"}},
            3,
            "cannot divide shards: parallel.shard_group 2 does not divide the 3 ranks that share parameters (data 3 x context 1 x sequence "
            "1) -> leave it out: --set parallel.shard_group=auto\n"},
           {{{"parallel.pipeline", "9"}},
            9,
            "cannot fill the pipeline: model.layers 8 over parallel.pipeline 9 leaves a stage without a layer -> the nearest layout of 9 "
            "ranks "
            "that can be: --set parallel.pipeline=3\n"},
           {{{"parallel.pipeline", "2"}, {"parallel.layers_per_stage", "[5, 2]"}},
            2,
            "parallel.layers_per_stage: 5 + 2 = 7, but model.layers is 8 -> make the entries sum to 8, or leave them out; the nearest "
            "layout of 2 ranks that can be: --set parallel.layers_per_stage=[6,2]\n"},
           {{{"parallel.pipeline", "3"}, {"parallel.layers_per_stage", "[4, 4]"}},
            3,
            "parallel.layers_per_stage has 2 entries for parallel.pipeline 3 -> give one entry a stage, or leave it out; the nearest "
            "layout of "
            "3 ranks that can be: --set parallel.layers_per_stage=[]\n"},
           {{{"parallel.pipeline", "3"}, {"parallel.layers_per_stage", "[4, 0, 4]"}},
            3,
            "parallel.layers_per_stage leaves stage 1 empty -> only the first one (embedding) and the last one (head) have something "
            "else to do; the nearest layout of 3 ranks that can be: --set parallel.layers_per_stage=[]\n"},
           {{{"parallel.pipeline", "2"}, {"parallel.virtual_pipeline", "3"}},
            2,
            "parallel.schedule 1f1b has one chunk a stage, and parallel.virtual_pipeline is 3 -> parallel.schedule interleaved takes any "
            "number of chunks; the nearest layout of 2 ranks that can be: --set parallel.virtual_pipeline=1\n"},
           {{{"parallel.pipeline", "4"}, {"parallel.virtual_pipeline", "5"}},
            4,  // that 20 chunks are more than the layers only follows from it
            "parallel.schedule 1f1b has one chunk a stage, and parallel.virtual_pipeline is 5 -> parallel.schedule interleaved takes any "
            "number of chunks; the nearest layout of 4 ranks that can be: --set parallel.virtual_pipeline=1\n"},
           {{{"parallel.pipeline", "2"}, {"parallel.schedule", "interleaved"}, {"train.accumulate", "2"}},
            2,
            "parallel.schedule interleaved has several chunks a stage, and parallel.virtual_pipeline is 1 -> parallel.schedule 1f1b has "
            "one "
            "chunk a stage; the nearest layout of 2 ranks that can be: --set parallel.virtual_pipeline=2\n"},
           {{{"parallel.pipeline", "2"}, {"parallel.schedule", "interleaved"}},
            2,
            "parallel.schedule interleaved has several chunks a stage, and parallel.virtual_pipeline is 1 -> \n"
            "parallel.schedule interleaved goes by 2 micro-batches, as many as there are stages, and a step has 1 -> the nearest layout of "
            "2 ranks that can be: --set parallel.virtual_pipeline=2 --set train.accumulate=2\n"},
           {{{"parallel.pipeline", "2"}, {"parallel.schedule", "zero_bubble_v"}, {"parallel.virtual_pipeline", "3"}},
            2,
            "parallel.schedule zero_bubble_v has two chunks a stage, and parallel.virtual_pipeline is 3 -> parallel.schedule interleaved "
            "takes any number of chunks; the nearest layout of 2 ranks that can be: --set parallel.virtual_pipeline=2\n"},
           {{{"parallel.pipeline", "3"},
             {"parallel.schedule", "interleaved"},
             {"parallel.virtual_pipeline", "3"},
             {"train.accumulate", "6"}},
            3,
            "cannot fill the pipeline: model.layers 8 over 3 stages of 3 chunks leaves a chunk without a layer -> the nearest layout "
            "of 3 ranks that can be: --set parallel.virtual_pipeline=2\n"},
           {{{"parallel.pipeline", "2"}, {"parallel.schedule", "zero_bubble_v"}, {"parallel.layers_per_stage", "[4, 4]"}},
            2,
            "parallel.layers_per_stage has 2 entries for 2 stages of 2 chunks -> give one entry a chunk, in the order they run, or leave "
            "it out; the nearest layout of 2 ranks that can be: --set parallel.layers_per_stage=[]\n"},
           {{{"parallel.pipeline", "4"},
             {"parallel.schedule", "interleaved"},
             {"parallel.virtual_pipeline", "2"},
             {"train.accumulate", "6"}},
            4,
            "parallel.schedule interleaved goes by 4 micro-batches, as many as there are stages, and a step has 6 -> --set "
            "train.accumulate=4 or --set train.accumulate=8\n"},
           {{{"parallel.pipeline", "4"},
             {"parallel.schedule", "interleaved"},
             {"parallel.virtual_pipeline", "2"},
             {"train.global_batch", "2"}},
            4,
            "parallel.schedule interleaved goes by 4 micro-batches, as many as there are stages, and a step has 2 -> --set "
            "train.global_batch=4\n"},
           {{{"model.max_positions", "100"}},
            {},
            "train.seq_len 128 is longer than the 100 learned positions of the model -> --set train.seq_len=100\n"},
           {{{"model.positions", "rotary"}, {"model.head_dim", "15"}},
            {},
            "rotary positions turn pairs of channels, but a head has 15 -> --set model.head_dim=16\n"},
           {{{"train.global_batch", "10"}, {"train.micro_batch", "2"}},
            4,
            "cannot share out the batch: data ranks 4 x train.micro_batch 2 = 8 does not divide train.global_batch 10 -> --set "
            "train.global_batch=8 or --set train.global_batch=16\n"},
           {{{"train.global_batch", "9"}, {"train.accumulate", "3"}},
            2,
            "cannot share out the batch: data ranks 2 x train.micro_batch 1 = 2 does not divide train.global_batch 9 -> the nearest layout "
            "of 2 ranks that can be: --set train.global_batch=10 --set train.accumulate=5\n"},
           {{{"parallel.pipeline", "8"}, {"train.micro_batch", "5"}, {"train.global_batch", "10"}},
            5,
            "5 ranks are not the product of the axes: pipeline 8 = 8, and 8 does not divide 5 -> --ranks 8; the nearest layout of 5 ranks "
            "that can be: --set parallel.pipeline=5\n"},
           {{{"parallel.pipeline", "8"}, {"train.micro_batch", "5"}, {"train.global_batch", "12"}},
            5,  // nor could 8 share out 12 sequences
            "5 ranks are not the product of the axes: pipeline 8 = 8, and 8 does not divide 5 -> the nearest layout of 5 ranks that can "
            "be: "
            "--set parallel.pipeline=5 --set train.global_batch=10\n"},
           {{{"train.global_batch", "8"}, {"train.accumulate", "3"}},
            2,
            "train.accumulate 3 x data ranks 2 x train.micro_batch 1 = 6, but train.global_batch is 8 -> leave one of them out, or --set "
            "train.accumulate=4\n"},
           {{{"parallel.sequence", "megatron"}, {"parallel.tensor", "4"}, {"train.seq_len", "126"}},
            4,
            "cannot split the sequence: train.micro_batch 1 x train.seq_len 126 = 126 tokens over parallel.tensor 4 -> --set "
            "train.seq_len=124\n"},  // 126 learned positions
           {{{"model.vocab", "3"}, {"parallel.tensor", "4"}},
            4,
            "cannot split the vocabulary: 3 entries over parallel.tensor 4 -> the nearest layout of 4 ranks that can be: --set "
            "parallel.tensor=2\n"},
           {{{"run.tokens", "1000"}}, {}, "run.steps and run.tokens both say when the run is done -> leave one of them out\n"},
           {{{"parallel.communicator", "nccl"}},
            {},
            "parallel.communicator nccl needs GPUs, and this run has none -> --set parallel.communicator=auto\n"},
           {{{"parallel.communicator", "tcp"}},
            1200,
            "parallel.communicator tcp connects every rank with every other, and is for 1000 ranks at most, not 1200 -> --set "
            "parallel.communicator=auto\n"},
           {{{"train.attention", "cudnn"}}, {}, "train.attention cudnn needs a GPU, and this run has none -> --set train.attention=auto\n"},
           {{{"train.attention", "cudnn"}, {"data.document_masks", "true"}},
            {},
            "train.attention cudnn does not go with data.document_masks: it would be planned anew for each document's length -> --set "
            "train.attention=auto\ntrain.attention cudnn needs a GPU, and this run has none -> --set train.attention=auto\n"},
           {{{"run.name", "last"}}, {}, "run.name 'last' is how commands call the newest run -> any other name\n"},
           {{{"model.heads", "0"}}, {}, "the model has no size: model.heads is 0 -> --set model.heads=N, of 1 or more\n"},
           {{{"run.name", "a/b"}},
            {},
            "run.name 'a/b' cannot name a directory -> letters, digits, '-', '_' and '.', and no '/': a directory is set by run.dir\n"},
       }) {
    CHECK(refusal(input(row.sets, row.ranks)) == row.says);
  }
}

TEST_CASE("L2: a layout that cannot be is answered with one that can, and with the nearest") {
  /// The options of the last hint, as a person would paste them behind the others.
  const auto follow = [](const PlanInput& refused, std::string hint) {
    PlanInput next = refused;
    std::vector<Complaint> complaints;
    for (size_t at; (at = hint.find("--set ")) != std::string::npos;) {
      hint.erase(0, at + 6);
      const size_t equals = hint.find('='), end = hint.find_first_of(" \n", equals);
      apply(Value::nested(hint.substr(0, equals), value_of(hint.substr(equals + 1, end - equals - 1))), next.resolved.config, complaints);
    }
    CHECK(complaints.empty());
    return next;
  };
  const auto nearest = [](const std::string& said) {
    const size_t at = said.find("that can be: ");
    return at == std::string::npos ? std::string() : said.substr(at);
  };
  CHECK(nearest(refusal(input({{"model.heads", "8"},
                               {"parallel.context", "3"},
                               {"parallel.sequence", "ulysses"},
                               {"parallel.sequence_size", "2"},
                               {"parallel.tensor", "5"},
                               {"model.max_positions", "256"},
                               {"train.seq_len", "250"}},
                              30))) == "that can be: --set parallel.tensor=1 --set train.seq_len=252\n");
  PlanInput by_rule = input({{"parallel.tensor", "3"}, {"parallel.sequence", "ulysses"}, {"parallel.sequence_size", "4"}}, 12);
  by_rule.resolved.settings.erase("parallel.sequence_size");
  by_rule.resolved.derived["parallel.sequence_size"] = "alcf: ranks 12 / parallel.tensor 3";  // with 1 of them it would be 12
  CHECK(nearest(refusal(by_rule)) == "that can be: --set parallel.tensor=1 --set parallel.sequence_size=4\n");
  int refused = 0;
  for (const char* tensor : {"1", "3", "8"})
    for (const char* context : {"1", "3"})
      for (const char* sequence_size : {"1", "6"})
        for (const char* pipeline : {"1", "9"})
          for (const char* batch : {"10", "64"})
            for (const char* shards : {"auto", "4"})
              for (const char* schedule : {"1f1b", "interleaved"})
                for (const std::optional<int64_t> ranks :
                     {std::optional<int64_t>(), std::optional<int64_t>(24), std::optional<int64_t>(70)}) {
                  const bool interleaved = schedule == std::string_view("interleaved");
                  PlanInput asked = input({{"parallel.tensor", tensor},
                                           {"parallel.context", context},
                                           {"parallel.sequence", "ulysses"},
                                           {"parallel.sequence_size", sequence_size},
                                           {"parallel.pipeline", pipeline},
                                           {"parallel.zero", "1"},
                                           {"parallel.shard_group", shards},
                                           {"parallel.schedule", schedule},
                                           {"parallel.virtual_pipeline", interleaved ? "2" : "1"},
                                           {"train.global_batch", batch}},
                                          ranks);
                  const std::string said = refusal(asked);
                  if (said == "it was planned\n") continue;
                  ++refused;
                  const size_t last = said.rfind(" -> ");  // of several complaints only the last one has a hint
                  CHECK_MESSAGE(refusal(follow(asked, said.substr(last))) == "it was planned\n", said);
                }
  CHECK(refused > 200);

  int stages_refused = 0;
  for (const char* split : {"[]", "[8]", "[5, 2]", "[1, 2, 1]", "[4, 0, 4]", "[1, 1, 1, 1, 1, 1, 1, 1]"})
    for (const char* pipeline : {"1", "2", "3", "9"})
      for (const char* chunks : {"1", "2", "5"})
        for (const char* schedule : {"1f1b", "interleaved", "zero_bubble_v"})
          for (const char* zero : {"0", "1"})
            for (const char* accumulate : {"auto", "3"}) {
              PlanInput asked = input({{"parallel.pipeline", pipeline},
                                       {"parallel.layers_per_stage", split},
                                       {"parallel.virtual_pipeline", chunks},
                                       {"parallel.schedule", schedule},
                                       {"parallel.zero", zero},
                                       {"parallel.shard_group", "2"},
                                       {"train.global_batch", "20"},
                                       {"train.accumulate", accumulate}},
                                      18);
              const std::string said = refusal(asked);
              REQUIRE(said != "it was planned\n");  // 18 ranks do not share out 20 sequences
              ++stages_refused;
              CHECK_MESSAGE(refusal(follow(asked, said.substr(said.rfind(" -> ")))) == "it was planned\n", said);
            }
  CHECK(stages_refused > 200);
}

TEST_CASE("L2: of other numbers of ranks only those are offered that the hosts have room for and the axes fill") {
  PlanInput five_nodes = input({{"parallel.tensor", "4"}, {"parallel.context", "2"}});
  five_nodes.node.gpus = 4;
  five_nodes.allocation = {{{"a"}, {"b"}, {"c"}, {"d"}, {"e"}}, "job.nodes"};
  CHECK(refusal(five_nodes) ==
        "20 ranks are not the product of the axes: tensor 4 x context 2 = 8, and 8 does not divide 20 -> --ranks 16; the nearest layout of "
        "20 ranks that can be: --set parallel.tensor=2\n");  // 5 would be nearer, and straddle the nodes
  five_nodes.ranks = 32;
  CHECK(refusal(five_nodes, Exit::preflight) ==
        "32 ranks do not fit: 5 hosts of job.nodes x 4 GPUs = 20 -> --ranks 16, or --set job.nodes=8, or on CPUs: --set "
        "machine.node.gpus=0\n");
  five_nodes.resolved.config.parallel.pipeline = 4;
  CHECK(refusal(five_nodes, Exit::preflight) ==
        "32 ranks do not fit: 5 hosts of job.nodes x 4 GPUs = 20 -> --set job.nodes=8, or on CPUs: --set machine.node.gpus=0\n");
}

TEST_CASE("L2: hosts that the axes would leave idle are refused, with what would use them") {
  PlanInput bad = input({{"parallel.tensor", "2"}, {"parallel.pipeline", "2"}});
  bad.allocation = {{{"a"}, {"b"}, {"c"}}, "job.nodes"};
  try {
    make_plan(bad);
    FAIL("it was planned");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::config);
    CHECK(error.what() == std::string("3 hosts (job.nodes), and the 4 ranks that the axes ask for take only 2 of them"));
    CHECK(error.complaints()[0].hint == "--set job.nodes=2, or --set job.ranks_per_node=4");
  }
  bad.resolved.config.job.ranks_per_node = 4;
  CHECK(make_plan(bad).hosts.size() == 3);
  bad.resolved.config.job.ranks_per_node.reset();
  bad.ranks = 4;  // a person's word
  CHECK(make_plan(bad).hosts.size() == 2);
}

TEST_CASE("I3: a secret in machine.environment is refused by its name, and not quoted") {
  PlanInput bad = input({});
  bad.resolved.config.machine.environment = {{"A", "b"}, {"HF_TOKEN", "canary"}};
  CHECK(refusal(bad) ==
        "machine.environment.HF_TOKEN looks like a secret, and would be written into scripts and plan.json -> export HF_TOKEN in the "
        "shell: ranks inherit it\n");
}

TEST_CASE("L2: everything that is wrong is told at once") {
  PlanInput bad = input({{"parallel.tensor", "8"}, {"parallel.pipeline", "9"}, {"model.max_positions", "100"}}, 71);
  bad.resolved.config.run.steps.reset();
  CHECK(std::string(refusal(bad)).find("71 ranks are not the product") != std::string::npos);
  try {
    make_plan(bad);
  } catch (const Error& error) {
    CHECK(error.complaints().size() == 5);
  }
  PlanInput nothing = input();
  nothing.resolved.config.model = {};
  nothing.resolved.settings.clear();
  CHECK(refusal(nothing).starts_with("the model has no size: model.layers, model.hidden, model.heads, model.vocab are not set"));
}

TEST_CASE("E2: a directory whose name is not UTF-8 is refused: plan.json could not name it") {
  PlanInput latin = input();
  latin.directory = "/home/ren\xe9";
  try {
    make_plan(latin);
    FAIL("took it");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::preflight);
    CHECK(error.complaints()[0].hint.starts_with("--set run.dir="));
  }
}

TEST_CASE("a run's name that is too long for a directory is told by its length, and not in full") {
  CHECK(refusal(input({{"run.name", std::string(300, 'n').c_str()}})) ==
        "run.name '" + std::string(40, 'n') + "...' has 300 bytes -> a directory's name may have 255: --set run.name=NAME\n");
}

TEST_CASE("a complaint says where the value stands and who set the one it clashes with") {
  PlanInput bad = input({{"parallel.tensor", "8"}}, 8);
  bad.resolved.settings["model.heads"] = {{"my-run.yaml", {"my-run.yaml", 9, 10}, "20"}};
  try {
    make_plan(bad);
    FAIL("it was planned");
  } catch (const Error& error) {
    CHECK(error.complaints()[0].at == Place{"my-run.yaml", 9, 10});
    CHECK(error.complaints()[0].because == std::vector<std::string>{"parallel.tensor 8 was set by the command line"});
  }
}

}  // namespace llmrun
