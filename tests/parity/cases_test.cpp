#include "tests/parity/cases.h"

#include <algorithm>
#include <set>

#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("there are 17 layouts of up to 8 ranks") { CHECK(golden_layouts().size() == 17); }

TEST_CASE("pairwise cases hold every pair of layout and switch that can exist") {
  const std::vector<ParityCase> cases = pairwise_cases({});
  CHECK(cases.size() < all_cases({}).size() / 4);
  for (const ParityCase& wanted : all_cases({})) {
    auto covered = [&](auto same) { return std::any_of(cases.begin(), cases.end(), [&](const ParityCase& c) { return same(c, wanted); }); };
    CHECK(covered([](const ParityCase& a, const ParityCase& b) { return a.layout == b.layout && a.zero == b.zero; }));
    CHECK(covered([](const ParityCase& a, const ParityCase& b) { return a.layout == b.layout && a.sequence == b.sequence; }));
    CHECK(covered([](const ParityCase& a, const ParityCase& b) { return a.layout == b.layout && a.micro_batch == b.micro_batch; }));
    CHECK(covered([](const ParityCase& a, const ParityCase& b) { return a.recompute == b.recompute && a.attention == b.attention; }));
    CHECK(covered([](const ParityCase& a, const ParityCase& b) { return a.sequence == b.sequence && a.zero == b.zero; }));
    CHECK(covered([](const ParityCase& a, const ParityCase& b) { return a.layout == b.layout && a.uneven_stages == b.uneven_stages; }));
  }
}

TEST_CASE("sampled cases differ, can exist, use every axis, and are the same each time") {
  const GoldenSize size{.global_batch = 12, .seq_len = 48, .layers = 5, .heads = 6};
  const std::vector<ParityCase> cases = sampled_cases(size, 100, 1), again = sampled_cases(size, 100, 1);
  std::set<std::string> names;
  for (size_t i = 0; i < cases.size(); ++i) {
    CHECK(cases[i].can_exist(size));
    CHECK(cases[i].name() == again[i].name());
    names.insert(cases[i].name());
  }
  CHECK(names.size() == 100);
  for (const Axis axis : kAxes)
    for (const int64_t ranks : {2, 3}) {
      CHECK(std::any_of(cases.begin(), cases.end(), [&](const ParityCase& c) { return c.layout.size(axis) == ranks; }));
    }
  CHECK(sampled_cases(size, 1, 2)[0].name() != cases[0].name());
}
