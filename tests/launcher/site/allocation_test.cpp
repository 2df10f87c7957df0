#include "launcher/site/allocation.h"

#include <fmt/ranges.h>

#include "engine/core/file.h"
#include "launcher/site/nodelist.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

std::string expanded(std::string_view text) { return fmt::format("{}", fmt::join(expand_nodelist(text), " ")); }

std::string names(const Allocation& allocation) {
  std::string text;
  for (const Host& host : allocation.hosts) text += (text.empty() ? "" : " ") + host.name;
  return text;
}

}  // namespace

TEST_CASE("Slurm's node lists expand") {
  CHECK(expanded("nid000012") == "nid000012");
  CHECK(expanded("nid[001-003,7]") == "nid001 nid002 nid003 nid7");
  CHECK(expanded("nid[008-011],gpu1") == "nid008 nid009 nid010 nid011 gpu1");
  CHECK(expanded("r[1-2]n[01-02]") == "r1n01 r1n02 r2n01 r2n02");
  CHECK(expanded("a[1]-ib,b") == "a1-ib b");
}

TEST_CASE("what is no node list is refused") {
  for (const char* text : {"", "nid[1-", "nid[3-1]", "nid[a-b]", "nid[]", "nid[1-99999999999]", "-x", "n1,,n2", "n[1-2000][1-2000]"}) {
    CAPTURE(text);
    try {
      expand_nodelist(text);
      FAIL("took it");
    } catch (const Error& error) {
      CHECK(error.complaints()[0].hint == "unset SLURM_JOB_NODELIST, or name the hosts: --hostfile FILE");
    }
  }
}

TEST_CASE("a node list that would not fit into memory is refused before it is expanded") {
  const std::string long_name(100'000, 'a');
  for (const std::string& text :
       std::vector<std::string>{long_name + "[0-999999]", "n[0-999999,0-999999]", "n[" + std::string(100'000, '0') + "-999999]"})
    CHECK_THROWS_AS(expand_nodelist(text), Error);
}

TEST_CASE("hosts come from --hostfile, then PBS, then Cobalt, then Slurm, then this machine") {
  TemporaryDirectory directory;
  write_file_atomically(directory / "mine", "h1\nh2\n");
  write_file_atomically(directory / "pbs", "p1\np2\n");
  Variables environment;
  CHECK(names(find_allocation({}, environment, "here")) == "here");
  CHECK(find_allocation({}, environment, "here").this_machine_only());
  environment.set("SLURM_JOB_NODELIST", "s[1-2]");
  environment.set("SLURM_NTASKS_PER_NODE", "4");
  environment.set("SLURM_JOB_ID", "77");
  CHECK(names(find_allocation({}, environment, "here")) == "s1 s2");
  CHECK(find_allocation({}, environment, "here").hosts[1].slots == 4);
  CHECK(batch_job_id(environment) == "77");
  environment.set("SLURM_ARRAY_JOB_ID", "75");
  environment.set("SLURM_ARRAY_TASK_ID", "2");
  CHECK(batch_job_id(environment) == "75_2");
  write_file_atomically(directory / "cobalt", "thetagpu01\nthetagpu02\n");
  environment.set("COBALT_NODEFILE", directory / "cobalt");
  CHECK(names(find_allocation({}, environment, "here")) == "thetagpu01 thetagpu02");
  environment.set("PBS_NODEFILE", directory / "pbs");
  CHECK(names(find_allocation({}, environment, "here")) == "p1 p2");
  CHECK(find_allocation({}, environment, "here").hostfile == directory / "pbs");
  CHECK(names(find_allocation(directory / "mine", environment, "here")) == "h1 h2");
  CHECK(find_allocation(directory / "mine", environment, "here").source == "--hostfile");
  environment.set("PBS_NODEFILE", directory / "gone");
  CHECK_THROWS_WITH_AS(find_allocation({}, environment, "here"),
                       ("PBS_NODEFILE names '" + (directory / "gone") + "', which is not on this host").c_str(), Error);
}

}  // namespace llmrun
