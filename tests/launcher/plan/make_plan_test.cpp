#include "launcher/plan/make_plan.h"

#include "launcher/plan/forecast.h"
#include "tests/launcher/plan/plan_cases.h"

namespace llmrun {

TEST_CASE("a plan of one rank needs nothing else") {
  const Plan plan = make_plan(input());
  CHECK(plan.ranks() == 1);
  CHECK(plan.threads == 8);
  CHECK(plan.device == Device::cpu);
  CHECK(plan.global_batch == 1);
  CHECK(plan.dir == "/home/ada/outputs/gpt_custom_z0_seqlen128_mp1_pp1_sp1_nl8_hs320_gb1_mb1");
}

TEST_CASE("data ranks are what the other axes leave, and the batch follows them") {
  const Plan plan =
      make_plan(input({{"parallel.tensor", "2"}, {"parallel.pipeline", "2"}, {"train.micro_batch", "3"}, {"train.accumulate", "4"}}, 12));
  CHECK(plan.layout == Layout{.tensor = 2, .data = 3, .pipeline = 2});
  CHECK(plan.global_batch == 36);
  CHECK(plan.accumulate == 4);
  CHECK(plan.threads == 1);
  CHECK(plan.ranks_per_node == 12);
  const Plan other = make_plan(input({{"parallel.tensor", "2"}, {"train.micro_batch", "3"}, {"train.global_batch", "36"}}, 6));
  CHECK(other.accumulate == 4);
}

TEST_CASE("the first stage and the last may hold no layer") {
  const Plan plan = make_plan(input({{"parallel.pipeline", "4"}, {"parallel.layers_per_stage", "[0, 4, 4, 0]"}}));
  CHECK(forecast(plan).stages[0].layers.front().size() == 0);
  CHECK(forecast(plan).stages[0].parameters > 0);
}

TEST_CASE("without --ranks the axes say how many ranks there are") {
  CHECK(make_plan(input({{"parallel.tensor", "2"}, {"parallel.pipeline", "4"}})).ranks() == 8);
  CHECK(make_plan(input({{"parallel.tensor", "2"}, {"parallel.data", "3"}})).ranks() == 6);
}

TEST_CASE("hosts that say nothing of ranks get one each at least, unless the axes or threads leave no room") {
  const auto on_hosts = [](std::vector<std::pair<const char*, const char*>> sets, size_t hosts) {
    PlanInput some = input(std::move(sets));
    some.allocation = {{}, "--hostfile"};
    for (size_t i = 0; i < hosts; ++i) some.allocation.hosts.push_back({fmt::format("n{}", i)});
    return make_plan(some).hosts.size();
  };
  CHECK(on_hosts({}, 4) == 4);
  CHECK(on_hosts({{"parallel.tensor", "2"}}, 4) == 4);
  CHECK(on_hosts({{"parallel.pipeline", "8"}}, 4) == 4);
  CHECK(on_hosts({{"parallel.data", "1"}}, 4) == 1);
  CHECK(on_hosts({{"parallel.communicator", "thread"}}, 4) == 1);
}

TEST_CASE("steps come from tokens, the last one rounded up") {
  PlanInput some = input({{"run.tokens", "1000"}, {"train.micro_batch", "2"}});
  some.resolved.config.run.steps.reset();
  CHECK(make_plan(some).steps == 4);  // 256 tokens a step
}

TEST_CASE("on GPUs a rank has one, and more ranks than GPUs are refused") {
  PlanInput gpus = input();
  gpus.node.gpus = 4;
  gpus.allocation = {{{"n1"}, {"n2"}}, "PBS_NODEFILE"};
  const Plan plan = make_plan(gpus);
  CHECK(plan.device == Device::cuda);
  CHECK(plan.ranks() == 8);
  CHECK(plan.hosts == std::vector<PlanHost>{{"n1", 4}, {"n2", 4}});
  gpus.ranks = 6;
  CHECK(make_plan(gpus).hosts == std::vector<PlanHost>{{"n1", 4}, {"n2", 2}});
  gpus.ranks = 3;
  CHECK(make_plan(gpus).hosts == std::vector<PlanHost>{{"n1", 3}});
  gpus.ranks = 12;
  CHECK(refusal(gpus, Exit::preflight) ==
        "12 ranks do not fit: 2 hosts of PBS_NODEFILE x 4 GPUs = 8 -> --ranks 8, or on CPUs: --set machine.node.gpus=0\n");
  gpus.ranks.reset();
  gpus.resolved.config.job.ranks_per_node = 8;
  CHECK(refusal(gpus, Exit::preflight).starts_with("8 ranks a node, but a node has 4 GPUs"));
  gpus.resolved.config.job.ranks_per_node.reset();
  gpus.resolved.config.train.attention = AttentionKind::flash;
  gpus.resolved.config.train.precision = Precision::fp32;
  CHECK(refusal(gpus).starts_with("train.attention flash has no fp32 kernel on a GPU"));
  gpus.resolved.config.train.attention = AttentionKind::automatic;
  gpus.resolved.config.parallel.communicator = CommunicatorKind::tcp;
  CHECK(make_plan(gpus).device == Device::cpu);
}

TEST_CASE("heads that a GPU's fused attention has no kernel for are refused before a job is queued") {
  const auto on_a_gpu = [](std::vector<std::pair<const char*, const char*>> sets) {
    PlanInput gpu = input(sets);
    gpu.node.gpus = 1;
    return gpu;
  };
  CHECK(refusal(on_a_gpu({{"model.head_dim", "264"}, {"train.precision", "bf16"}})) ==
        "fused attention on a GPU has no kernel for a model.head_dim of 264: 256 is the most -> --set train.attention=plain\n");
  CHECK(make_plan(on_a_gpu({{"model.head_dim", "264"}, {"train.attention", "plain"}})).device == Device::cuda);
  CHECK(make_plan(on_a_gpu({{"model.head_dim", "106"}, {"train.precision", "bf16"}})).device == Device::cuda);
  CHECK(make_plan(input({{"model.head_dim", "264"}})).device == Device::cpu);
}

TEST_CASE("ranks as threads may share a GPU, but not a network") {
  PlanInput threads = input({{"parallel.communicator", "thread"}, {"parallel.tensor", "2"}});
  threads.node.gpus = 1;
  CHECK(make_plan(threads).ranks() == 2);
  CHECK(make_plan(threads).device == Device::cuda);
  threads.allocation = {{{"n1"}, {"n2"}}, "--hostfile"};
  CHECK(refusal(threads).starts_with("parallel.communicator thread keeps all ranks in one process, but there are 2 hosts"));
}

TEST_CASE("slots of a hostfile say where ranks go") {
  PlanInput slots = input();
  slots.allocation = {{{"n1", 2}, {"n2", 0}, {"n3", 3}}, "--hostfile"};
  CHECK(make_plan(slots).hosts == std::vector<PlanHost>{{"n1", 2}, {"n2", 1}, {"n3", 3}});
  CHECK(make_plan(slots).ranks_per_node == 3);
  slots.ranks = 7;
  CHECK(refusal(slots, Exit::preflight) == "7 ranks do not fit: 3 hosts of --hostfile have room for 6 -> --ranks 6, or more hosts\n");
  slots.allocation = {{{"n1"}, {"n2"}}, "--hostfile"};
  slots.ranks = 3;
  CHECK(make_plan(slots).hosts == std::vector<PlanHost>{{"n1", 2}, {"n2", 1}});
}

TEST_CASE("job.nodes is the number of hosts of a job to come, and where it is not, a note says so") {
  struct Row {
    const char* source;
    int64_t hosts;
    const char* scheduler;
    int64_t nodes;
    std::array<int64_t, 3> planned;  // to queue, to rehearse, to start
  };
  for (const Row& row : std::initializer_list<Row>{{"this machine", 1, "pbs", 3, {3, 3, 1}},
                                                   {"this machine", 1, "local", 3, {3, 3, 1}},
                                                   {"PBS_NODEFILE", 2, "pbs", 3, {3, 2, 2}},
                                                   {"PBS_NODEFILE", 4, "pbs", 3, {3, 4, 4}},
                                                   {"COBALT_NODEFILE", 2, "local", 3, {3, 2, 2}},
                                                   {"PBS_NODEFILE", 3, "pbs", 3, {3, 3, 3}},
                                                   {"--hostfile", 2, "pbs", 3, {2, 2, 2}}}) {
    CAPTURE(row.source);
    CAPTURE(row.hosts);
    CAPTURE(row.scheduler);
    Config config;
    config.machine.scheduler = row.scheduler;
    Allocation here{{}, row.source};
    for (int64_t host = 0; host < row.hosts; ++host) here.hosts.push_back({fmt::format("x{}", host)});
    for (size_t i = 0; i < row.planned.size(); ++i) {
      const auto intent = std::array{Intent::queue, Intent::rehearse, Intent::start}[i];
      config.job.nodes = {};
      CHECK(allocation_for(intent, here, config).hosts == here.hosts);
      config.job.nodes = row.nodes;
      const Allocation taken = allocation_for(intent, here, config);
      CHECK(std::ssize(taken.hosts) == row.planned[i]);
      CHECK(taken.notes.size() == (row.planned[i] == row.nodes ? 0 : 1));
    }
  }
}

TEST_CASE("one node of a job to come is not this machine, but where there is no queue it is") {
  Config config;
  config.job.nodes = 1;
  const Allocation here{{{"login"}}, "this machine"};
  config.machine.scheduler = "pbs";
  CHECK(allocation_for(Intent::queue, here, config).hosts[0].name == "node-1");
  config.machine.scheduler = "local";
  CHECK(allocation_for(Intent::queue, here, config).hosts[0].name == "login");
}

}  // namespace llmrun
