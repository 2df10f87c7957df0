#include <chrono>
#include <fstream>

#include "engine/core/error.h"
#include "engine/core/json.h"
#include "launcher/scheduler/scheduler.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

/// A PBS server that is a folder (tests/fakes/pbs/pbs.py), with its commands on the PATH.
struct FakePbs {
  explicit FakePbs(std::chrono::milliseconds patience = std::chrono::seconds(30)) {
    Variables environment = Variables::of_this_process();
    environment.set("PATH", std::string(LLMRUN_SOURCE_DIR) + "/tests/fakes/pbs:" + environment.get("PATH").value_or(""));
    environment.set("FAKE_PBS", home.path().string());
    pbs = make_pbs(environment, patience);
  }
  void fault(const std::string& word) const { std::ofstream(home.path() / "fault") << word; }
  std::filesystem::path script(const std::string& queue, const std::string& more = "") const {
    const auto path = home.path() / "job.sh";
    std::ofstream(path)
        << "#!/bin/bash\n#PBS -N king\n#PBS -l select=2\n#PBS -l walltime=00:30:00\n#PBS -l filesystems=home:eagle\n#PBS -q " << queue
        << "\n"
        << more << "exec true\n";
    return path;
  }
  int jobs() const { return static_cast<int>(read_json_file(home.path() / "state.json").at("jobs").size()); }
  std::string refusal(const std::filesystem::path& path) const {
    try {
      return "queued as " + pbs->submit({.script = path});
    } catch (const Error& error) {
      return std::string(error.what()) + " -> " + error.complaints().back().hint;
    }
  }

  TemporaryDirectory home;
  std::unique_ptr<Scheduler> pbs;
};

const std::string kAccount = "#PBS -A datascience\n";

}  // namespace

TEST_CASE("a job is queued, seen waiting with the reason, cancelled, and known as cancelled") {
  const FakePbs fake;
  const std::string id = fake.pbs->submit({.script = fake.script("debug", kAccount)});
  CHECK(id == "1.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov");
  const auto jobs = fake.pbs->status({id, "99999.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov"});
  REQUIRE(jobs.size() == 1);  // unknown is not failed: it is absent
  CHECK(jobs.at(id).phase == JobPhase::waiting);
  CHECK(jobs.at(id).comment == "Not Running: Not enough free nodes available");
  fake.pbs->cancel(id);
  fake.pbs->cancel(id);  // has ended already: that was wanted
  CHECK(fake.pbs->status({id}).at(id).end == JobEnd::cancelled);
  CHECK(fake.pbs->status({}).empty());
}

TEST_CASE("a job queued as held is held") {
  const FakePbs fake;
  const std::string id = fake.pbs->submit({.script = fake.script("debug", kAccount), .held = true});
  CHECK(fake.pbs->status({id}).at(id).phase == JobPhase::held);
}

TEST_CASE("Q1: what qsub refuses is told in its words, with a remedy") {
  const FakePbs fake;
  CHECK(fake.refusal(fake.script("debug")) ==
        "qsub: Account_Name is required to be set. -> --set job.account=PROJECT, one that sbank or your project page lists");
  CHECK(fake.refusal(fake.script("nowhere", kAccount)) == "qsub: Unknown queue -> qstat -Q lists the queues: --set job.queue=NAME");
  CHECK(fake.refusal(fake.script("prod", kAccount))
            .starts_with("qsub: Job violates queue and/or server resource limits -> nodes or walltime"));
  CHECK(fake.refusal(fake.home.path() / "missing.sh").starts_with("qsub: script file:: No such file or directory"));
}

TEST_CASE("Q2: a server that is down says nothing about a job: exit 6") {
  const FakePbs fake;
  const std::string id = fake.pbs->submit({.script = fake.script("debug", kAccount)});
  fake.fault("down");
  for (const auto& call : {std::function<void()>([&] { fake.pbs->status({id}); }), std::function<void()>([&] { fake.pbs->cancel(id); }),
                           std::function<void()>([&] { fake.pbs->submit({.script = fake.script("debug", kAccount)}); })}) {
    try {
      call();
      CHECK_MESSAGE(false, "the server answered");
    } catch (const Error& error) {
      CHECK(error.code() == Exit::unreachable);
      CHECK(std::string(error.what()).find("onnect to ") != std::string::npos);  // qdel has words of its own
    }
  }
}

TEST_CASE("Q1: a job whose id was lost on the way is found again, not queued twice") {
  const FakePbs fake(std::chrono::seconds(2));  // time enough for qstat, which answers at once
  fake.fault("lost");
  CHECK(fake.pbs->submit({.script = fake.script("debug", kAccount)}) == "1.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov");
  CHECK(fake.jobs() == 1);
}

TEST_CASE("qsub that is not there is exit 5 with its name") {
  Variables environment;
  environment.set("PATH", "/nowhere");
  CHECK_THROWS_WITH_AS(make_scheduler("pbs", environment)->cancel("1"), "'qdel' is not on the PATH of this machine", Error);
}
