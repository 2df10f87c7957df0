#include <functional>

#include "engine/core/error.h"
#include "tests/launcher/scheduler/fake_pbs.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

/// What is said of a job that is not taken.
std::string refusal(const FakePbs& fake, const std::filesystem::path& script) {
  try {
    return "queued as " + fake.pbs->submit({.script = script});
  } catch (const Error& error) {
    return std::string(error.what()) + " -> " + error.complaints().back().hint;
  }
}

}  // namespace

TEST_CASE("a job is queued, seen waiting with the reason, cancelled, and known as cancelled") {
  const FakePbs fake;
  const std::string id = fake.pbs->submit({.script = fake.script("debug")});
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

TEST_CASE("one request tells of several jobs, though qstat's JSON of several ids holds the first alone") {
  const FakePbs fake;
  const std::string first = fake.pbs->submit({.script = fake.script("debug")});
  const std::string second = fake.pbs->submit({.script = fake.script("preemptable")});
  const auto jobs = fake.pbs->status({"99999.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov", second, first});
  REQUIRE(jobs.size() == 2);
  CHECK(jobs.at(first).queue == "debug");
  CHECK(jobs.at(second).queue == "preemptable");
}

TEST_CASE("a job queued as held is held") {
  const FakePbs fake;
  const std::string id = fake.pbs->submit({.script = fake.script("debug"), .held = true});
  CHECK(fake.pbs->status({id}).at(id).phase == JobPhase::held);
}

TEST_CASE("Q1: what qsub refuses is told in its words, with a remedy") {
  const FakePbs fake;
  CHECK(refusal(fake, fake.script("debug", "")) ==
        "qsub: Account_Name is required to be set. -> --set job.account=PROJECT, one that sbank or your project page lists");
  CHECK(refusal(fake, fake.script("nowhere")) == "qsub: Unknown queue -> qstat -Q lists the queues: --set job.queue=NAME");
  CHECK(refusal(fake, fake.script("prod")).starts_with("qsub: Job violates queue and/or server resource limits -> nodes or walltime"));
  CHECK(refusal(fake, fake.home.path() / "missing.sh").starts_with("qsub: script file:: No such file or directory"));
}

TEST_CASE("Q2: a server that is down says nothing about a job: exit 6") {
  const FakePbs fake;
  const std::string id = fake.pbs->submit({.script = fake.script("debug")});
  fake.fault("down");
  for (const auto& call : {std::function<void()>([&] { fake.pbs->status({id}); }), std::function<void()>([&] { fake.pbs->cancel(id); }),
                           std::function<void()>([&] { fake.pbs->submit({.script = fake.script("debug")}); })}) {
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
  CHECK(fake.pbs->submit({.script = fake.script("debug")}) == "1.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov");
  CHECK(fake.jobs() == 1);
}

TEST_CASE("Q1: a qsub that prints nothing, or what a login script says, has queued the job all the same") {
  for (const char* word : {"mute qsub", "garbage qsub Lmod: loading modules"}) {
    CAPTURE(word);
    const FakePbs fake;
    fake.fault(word);
    CHECK(fake.pbs->submit({.script = fake.script("debug")}) == "1.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov");
    CHECK(fake.jobs() == 1);
  }
}

TEST_CASE("Q2: an answer that is cut off, and a server that hangs, say nothing about a job") {
  for (const char* word : {"partial qstat", "hang qstat"}) {
    CAPTURE(word);
    const FakePbs fake(std::chrono::seconds(2));
    const std::string id = fake.pbs->submit({.script = fake.script("debug")});
    fake.fault(word);
    try {
      fake.pbs->status({id});
      CHECK_MESSAGE(false, "the server answered");
    } catch (const Error& error) {
      CHECK(error.code() == Exit::unreachable);
    }
  }
}

TEST_CASE("qsub that is not there is exit 5 with its name") {
  Variables environment;
  environment.set("PATH", "/nowhere");
  CHECK_THROWS_WITH_AS(make_scheduler("pbs", environment)->cancel("1"), "'qdel' is not on the PATH of this machine", Error);
}
