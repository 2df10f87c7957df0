#include "launcher/render/job_script.h"

#include <array>
#include <cstdio>
#include <fstream>
#include <set>

#include "engine/core/error.h"
#include "launcher/process/variables.h"
#include "launcher/render/template.h"
#include "tests/launcher/render/hostile.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

/// A run on ten nodes of four GPUs.
Plan plan_on(const std::string& scheduler) {
  Plan plan;
  plan.name = "gpt-13b";
  plan.dir = "/eagle/my project/outputs/gpt-13b";
  for (int node = 1; node <= 10; ++node) plan.hosts.push_back({fmt::format("node-{}", node), 4});
  plan.ranks_per_node = 4;
  plan.config.machine.scheduler = scheduler;
  plan.config.machine.node.gpus = 4;
  plan.config.machine.environment = {{"TMPDIR", "/tmp"}};
  plan.config.job.queue = "prod";
  plan.config.job.account = "P";
  plan.config.job.walltime_s = 5400;
  return plan;
}

std::string script(const Plan& plan, JobRequest request = {}) {
  request.llmrun = "/opt/bin/llmrun";
  return job_script(plan, request);
}

bool has_line(const std::string& text, const std::string& line) { return ("\n" + text).find("\n" + line + "\n") != std::string::npos; }

/// The lines that a batch system reads, and the number of all others.
std::pair<std::multiset<std::string>, int> shape(const std::string& text, const std::string& mark) {
  std::pair<std::multiset<std::string>, int> shape;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(mark))
      shape.first.insert(line.substr(0, line.find_first_of("=,", mark.size() + 1)));
    else
      ++shape.second;
  return shape;
}

struct Ended {
  int code;
  std::string said;
};
/// What bash does with `words`.
Ended bash(const std::string& words) {
  std::FILE* pipe = ::popen(("exec 2>&1; " + words).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string said;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) said += static_cast<char>(c);
  return {WEXITSTATUS(::pclose(pipe)), said};
}

/// Both systems, a plain job and an array, with everything that a job may have.
std::vector<std::pair<std::string, JobRequest>> every_kind() {
  const JobRequest all{.llmrun = "/opt/bin/llmrun", .depends = {"afterok:1.s", "afterany:2.s", "afterok:94[].s"}, .array = "0-7%2"};
  return {{"pbs", {.llmrun = "/opt/bin/llmrun"}}, {"pbs", all}, {"slurm", {.llmrun = "/opt/bin/llmrun"}}, {"slurm", all}};
}

}  // namespace

TEST_CASE("the job script of a PBS machine") {
  Plan plan = plan_on("pbs");
  plan.config.machine.filesystems = {"home", "eagle"};
  plan.config.machine.select = "system=polaris";
  CHECK(script(plan) ==
        R"(#!/bin/bash
#PBS -N gpt-13b
#PBS -l select=10:system=polaris
#PBS -l place=scatter
#PBS -l walltime=01:30:00
#PBS -l filesystems=home:eagle
#PBS -q prod
#PBS -A P
#PBS -k doe
#PBS -j oe
#PBS -r y
LLMRUN_STARTED_AT=$(date +%s)
export LLMRUN_STARTED_AT
cd '/eagle/my project/outputs/gpt-13b' || exit 3
export TMPDIR=/tmp
exec /opt/bin/llmrun train '/eagle/my project/outputs/gpt-13b/config.yaml' --set 'run.dir=/eagle/my project/outputs/gpt-13b'
)");
}

TEST_CASE("PBS takes names of 230 characters: the rest of a longer one is left out, and stays in the run's directory") {
  Plan plan = plan_on("pbs");
  plan.name = std::string(255, 'n');
  CHECK(script(plan).find("\n#PBS -N " + std::string(230, 'n') + "\n") != std::string::npos);
  plan.config.machine.scheduler = "slurm";
  CHECK(script(plan).find(std::string(255, 'n') + "\n") != std::string::npos);
}

TEST_CASE("the job script for a PBS queue whose jobs share a node asks for GPUs on one") {
  Plan plan = plan_on("pbs");
  plan.hosts.resize(1);
  plan.layout = {.data = 4};
  plan.config.machine.queues = {{.name = "prod", .nodes = {1, 1}, .gpus = {1, 2, 4, 8}}};
  const std::string text = script(plan);
  CHECK(has_line(text, "#PBS -l select=4"));
  CHECK(has_line(text, "#PBS -l place=pack"));
}

TEST_CASE("the job script of a Slurm machine") {
  Plan plan = plan_on("slurm");
  plan.dir = "/scratch/outputs/gpt-13b";
  plan.config.machine.select = "gpu&hbm80g";
  plan.config.machine.queue_option = "qos";
  CHECK(script(plan) ==
        R"(#!/bin/bash
#SBATCH --job-name=gpt-13b
#SBATCH --nodes=10
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --time=01:30:00
#SBATCH --qos=prod
#SBATCH --constraint=gpu&hbm80g
#SBATCH --account=P
#SBATCH --output=/scratch/outputs/gpt-13b/logs/job-%j.out
#SBATCH --open-mode=append
#SBATCH --export=NONE
#SBATCH --requeue
LLMRUN_STARTED_AT=$(date +%s)
export LLMRUN_STARTED_AT
unset SLURM_EXPORT_ENV
cd /scratch/outputs/gpt-13b || exit 3
export TMPDIR=/tmp
exec /opt/bin/llmrun train /scratch/outputs/gpt-13b/config.yaml --set run.dir=/scratch/outputs/gpt-13b
)");
}

TEST_CASE("what a job does not say has no directive, and a queue is the machine's own where it names none") {
  Plan plan = plan_on("slurm");
  plan.config.job = {};
  plan.config.machine.node.gpus = 0;
  std::string text = script(plan);
  for (const char* absent :
       {"--partition", "--qos", "--time", "--account", "--gpus", "--constraint", "--licenses", "--dependency", "--array"})
    CHECK_MESSAGE(text.find(absent) == std::string::npos, absent);
  plan.config.machine.default_queue = "batch";
  CHECK(has_line(script(plan), "#SBATCH --partition=batch"));
  plan.config.machine.filesystems = {"scratch", "cfs"};
  CHECK(has_line(script(plan), "#SBATCH --licenses=scratch,cfs"));

  plan.config.machine.scheduler = "pbs";
  text = script(plan);
  CHECK(has_line(text, "#PBS -q batch"));
  CHECK(has_line(text, "#PBS -l select=10"));
  for (const char* absent : {"walltime", "#PBS -A", "#PBS -W", "#PBS -J"}) CHECK_MESSAGE(text.find(absent) == std::string::npos, absent);
}

TEST_CASE("dependencies of one kind stand behind each other") {
  const JobRequest request{.depends = {"afterok:1.s", "afterany:2.s", "afterok:94[].s"}};
  CHECK(has_line(script(plan_on("pbs"), request), "#PBS -W depend=afterok:1.s:94[].s,afterany:2.s"));
  CHECK(has_line(script(plan_on("slurm"), {.depends = {"afterok:1", "afterok:2"}}), "#SBATCH --dependency=afterok:1:2"));
}

TEST_CASE("modules are loaded in their order, in the run's directory, before variables are set") {
  Plan plan = plan_on("pbs");
  plan.config.machine.modules = {"PrgEnv-gnu/8.5.0", "cudatoolkit-standalone"};
  CHECK(
      script(plan).find("|| exit 3\nmodule load PrgEnv-gnu/8.5.0 || exit 5\nmodule load cudatoolkit-standalone || exit 5\nexport TMPDIR") !=
      std::string::npos);
  plan.config.machine.modules = {"-f", "x; rm y"};
  CHECK_THROWS_WITH_AS(script(plan),
                       "machine.modules '-f' cannot stand in a job script\nmachine.modules 'x; rm y' cannot stand in a job script", Error);
}

TEST_CASE("an array is a range of at least two members; anything else is refused") {
  for (const char* good : {"0-7", "0-7%2", "3-4"})
    for (const char* scheduler : {"pbs", "slurm"})
      CHECK(script(plan_on(scheduler), {.array = good}).find(fmt::format("{}{}\n", *scheduler == 'p' ? "-J " : "--array=", good)) !=
            std::string::npos);
  for (const char* bad : {"0", "0-0", "7-0", "-1-3", "0-7%", "0-7%0", "1,2", "0-7:2", "0-7 ", "a", "0-7%2\n#PBS -A x"})
    CHECK_THROWS_AS(script(plan_on("pbs"), {.array = bad}), Error);
}

TEST_CASE("an element of an array trains the member of its line, and one without a line stops") {
  const TemporaryDirectory home;
  const std::string member = (home.path() / "lr 1e-4; $(touch x)").string();
  std::filesystem::create_directory(member);
  std::ofstream(home.path() / "members") << home.path().string() << "\n" << member << "\n";
  const std::string llmrun = (home.path() / "llmrun").string();
  std::ofstream(llmrun) << "#!/bin/sh\npwd\nprintf '[%s]' \"$@\"\n";
  std::filesystem::permissions(llmrun, std::filesystem::perms::owner_all);
  for (const auto& [scheduler, index] : {std::pair{"pbs", "PBS_ARRAY_INDEX"}, std::pair{"slurm", "SLURM_ARRAY_TASK_ID"}}) {
    Plan plan = plan_on(scheduler);
    plan.dir = home.path().string();
    std::ofstream(home.path() / "job.sh") << job_script(plan, {.llmrun = llmrun, .array = "0-1"});
    const std::string job = "bash '" + (home.path() / "job.sh").string() + "'";
    const Ended second = bash(fmt::format("{}=1 {}", index, job));
    CHECK(second.code == 0);
    CHECK(second.said == fmt::format("{0}\n[train][config.yaml][--set][run.dir={0}]", member));
    const Ended third = bash(fmt::format("{}=2 {}", index, job));
    CHECK(third.code != 0);
    CHECK(third.said.find("members has no such line") != std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(home.path() / "x"));
}

TEST_CASE("a directory that sbatch would read otherwise is not in a directive: its output goes where it was submitted, into logs") {
  for (const char* dir : {"/my project/x", "/100%/x", "/a\"b", "/a\\b", "/a\n#SBATCH --uid=0\n"}) {
    Plan plan = plan_on("slurm");
    plan.dir = dir;
    CHECK_MESSAGE(has_line(script(plan), "#SBATCH --output=logs/job-%j.out"), dir);
    CHECK_MESSAGE(has_line(script(plan, {.array = "0-1"}), "#SBATCH --output=logs/job-%A_%a.out"), dir);
  }
}

TEST_CASE("I1: no value of a job becomes a directive or a line of another kind") {
  using Set = void (*)(Plan&, JobRequest&, const std::string&);
  const std::vector<std::pair<const char*, Set>> fields{
      {"run.name", [](Plan& plan, JobRequest&, const std::string& word) { plan.name = word; }},
      {"job.account", [](Plan& plan, JobRequest&, const std::string& word) { plan.config.job.account = word; }},
      {"job.queue", [](Plan& plan, JobRequest&, const std::string& word) { plan.config.job.queue = word; }},
      {"job.filesystems", [](Plan& plan, JobRequest&, const std::string& word) { plan.config.job.filesystems = {word}; }},
      {"machine.select", [](Plan& plan, JobRequest&, const std::string& word) { plan.config.machine.select = word; }},
      {"machine.modules", [](Plan& plan, JobRequest&, const std::string& word) { plan.config.machine.modules = {word}; }},
      {"job.depends", [](Plan&, JobRequest& request, const std::string& word) { request.depends = {word}; }},
      {"job.array", [](Plan&, JobRequest& request, const std::string& word) { request.array = word; }},
  };
  for (const char* scheduler : {"pbs", "slurm"})
    for (const auto& [field, set] : fields)
      for (const std::string& word : kHostile) {
        CAPTURE(field);
        CAPTURE(word);
        Plan plan = plan_on(scheduler);
        JobRequest request{.llmrun = "/opt/bin/llmrun"};
        set(plan, request, word);
        std::string text;
        try {
          text = job_script(plan, request);
        } catch (const Error& error) {
          CHECK(error.code() == Exit::config);
          CHECK(std::string(error.what()).find(field) != std::string::npos);
          continue;
        }
        CHECK(word.find_first_of("\n\r\t $`;<>'\"\\#~!{}\x1b") == std::string::npos);
        CHECK_FALSE(word.starts_with('-'));
      }
}

TEST_CASE("I1: hostile paths and variables change no line's kind, and reach the command as they are") {
  for (const auto& [scheduler, request] : every_kind()) {
    const std::string mark = scheduler == "pbs" ? "#PBS" : "#SBATCH";
    const auto harmless = shape(job_script(plan_on(scheduler), request), mark);
    for (const std::string& word : kHostile) {
      CAPTURE(word);
      if (word.find('\n') != std::string::npos) continue;  // a line of the shell that goes on: below
      Plan plan = plan_on(scheduler);
      plan.dir = "/runs/" + word;
      plan.config.machine.environment = {{"X", word}};
      CHECK(shape(job_script(plan, request), mark) == harmless);
    }
  }
  const TemporaryDirectory home;
  const std::string llmrun = (home.path() / "llmrun").string();
  std::ofstream(llmrun) << "#!/bin/sh\nprintf '%s|' \"$X\" \"$@\"\n";
  std::filesystem::permissions(llmrun, std::filesystem::perms::owner_all);
  for (const std::string& word : kHostile) {
    CAPTURE(word);
    Plan plan = plan_on("slurm");
    plan.dir = (home.path() / ("d" + word)).string();
    std::filesystem::create_directories(plan.dir);
    plan.config.machine.environment = {{"X", word}};
    std::ofstream(home.path() / "job.sh") << job_script(plan, {.llmrun = llmrun});
    CHECK(bash("bash '" + (home.path() / "job.sh").string() + "'").said ==
          fmt::format("{}|train|{}/config.yaml|--set|run.dir={}|", word, plan.dir, plan.dir));
  }
}

TEST_CASE("I1: bash reads every script without complaint, and so does shellcheck") {
  const TemporaryDirectory home;
  const std::string file = (home.path() / "job.sh").string();
  for (const auto& [scheduler, request] : every_kind())
    for (const char* directory : {"/runs/plain", "/runs/it's $(a) `b` \"c\"; #d"}) {
      Plan plan = plan_on(scheduler);
      plan.dir = directory;
      plan.config.machine.modules = {"gcc/12"};
      std::ofstream(file) << job_script(plan, request);
      const Ended read = bash("bash -n '" + file + "' && shellcheck --exclude=SC2016 '" + file + "'");  // words in single quotes are meant
      CHECK_MESSAGE(read.code == 0, read.said);
    }
}

TEST_CASE("a site's own template goes before ours, and one that asks for what there is not is named") {
  const TemporaryDirectory home;
  std::filesystem::create_directories(home.path() / "site/pbs");
  std::filesystem::create_directories(home.path() / ".config/llmrun/templates/pbs");
  const auto own = home.path() / "site/pbs/job.sh.mustache";
  std::ofstream(own) << "#!/bin/bash\n#PBS -A {{{job.account}}}\ncd {{directory}}\n";
  std::ofstream(home.path() / ".config/llmrun/templates/pbs/job.sh.mustache") << "of this person\n";
  Variables environment;
  environment.set("HOME", home.path().string());
  environment.set("LLMRUN_TEMPLATES", "/nowhere:" + (home.path() / "site").string());
  const auto request = [&] { return JobRequest{.templates = template_directories(environment)}; };
  CHECK(script(plan_on("pbs"), request()) == "#!/bin/bash\n#PBS -A P\ncd '/eagle/my project/outputs/gpt-13b'\n");
  CHECK(script(plan_on("slurm"), request()).starts_with("#!/bin/bash\n#SBATCH"));  // ours still
  environment.remove("LLMRUN_TEMPLATES");
  CHECK(script(plan_on("pbs"), request()) == "of this person\n");

  std::ofstream(own) << "{{job.acount}}\n";
  environment.set("LLMRUN_TEMPLATES", (home.path() / "site").string());
  CHECK_THROWS_WITH_AS(script(plan_on("pbs"), request()),
                       fmt::format("template '{}' asks for 'job.acount', which has no value", own.string()).c_str(), Error);
}

TEST_CASE("a machine without a scheduler has no job script") { CHECK_THROWS_AS(script(plan_on("local")), Error); }

}  // namespace llmrun
