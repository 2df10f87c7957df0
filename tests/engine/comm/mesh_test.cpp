#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <set>

#include "engine/comm/counting.h"
#include "engine/comm/ring_pairs.h"
#include "engine/core/error.h"
#include "tests/support/ranks.h"
#include "tests/support/tensor_test.h"

using namespace llmrun;

namespace {

/// The world ranks of a group, in its order, by asking it.
std::vector<int64_t> members(Communicator& group, int64_t world_rank) {
  at::Tensor all = at::empty({group.size()}, at::kLong);
  group.all_gather(all, at::full({1}, world_rank, at::kLong)).wait();
  return {all.data_ptr<int64_t>(), all.data_ptr<int64_t>() + group.size()};
}

const std::vector<Layout> kLayouts{
    {},
    {.tensor = 2},
    {.pipeline = 3},
    {.tensor = 2, .data = 2},
    {.tensor = 2, .data = 3, .pipeline = 2},
    {.tensor = 2, .sequence_size = 2, .context = 2},
    {.sequence_size = 2, .context = 2, .data = 2},
    {.context = 3, .pipeline = 4},
};

}  // namespace

TEST_CASE("every axis of the mesh connects the ranks that the layout says") {
  for (const Layout& layout : kLayouts) {
    run_mesh(layout, /*kv_heads=*/8, [&](const Mesh& mesh) {
      const int64_t rank = mesh.rank();
      const auto along = [&](const std::vector<Axis>& axes) { return group(layout, rank, axes); };
      CHECK(members(mesh.tensor(), rank) == along({Axis::tensor}));
      CHECK(members(mesh.sequence(), rank) == along({Axis::sequence}));
      CHECK(members(mesh.context(), rank) == along({Axis::context}));
      CHECK(members(mesh.data(), rank) == along({Axis::data}));
      CHECK(members(mesh.pipeline(), rank) == along({Axis::pipeline}));
      CHECK(members(mesh.replicas(), rank) == along({Axis::data, Axis::context, Axis::sequence}));
      CHECK(mesh.shards().size() == 1);
      CHECK(mesh.kv_copies().size() == 1);
      CHECK(mesh.tensor().rank() == mesh.where().tensor);
      CHECK(mesh.pipeline().rank() == mesh.where().pipeline);
    });
  }
}

TEST_CASE("shards are neighbours among the ranks that share parameters, and replicas those at the same place of each such group") {
  // Tensor is the fastest axis: the ranks 0, 2, 4 ... 14 share parameters, and so do 1, 3, 5 ... 15.
  const auto check = [](const Mesh& mesh) {
    const int64_t tensor = mesh.rank() % 2, place = mesh.rank() / 2, first = place / 4 * 4;
    CHECK(members(mesh.shards(), mesh.rank()) ==
          std::vector{2 * first + tensor, 2 * first + 2 + tensor, 2 * first + 4 + tensor, 2 * first + 6 + tensor});
    CHECK(members(mesh.replicas(), mesh.rank()) == std::vector{2 * (place % 4) + tensor, 2 * (place % 4 + 4) + tensor});
  };
  run_mesh({.tensor = 2, .sequence_size = 2, .data = 4}, 8, check, /*shard_ranks=*/4);
}

TEST_CASE("tied joins the first and the last stage and leaves those between alone") {
  run_mesh({.tensor = 2, .pipeline = 3}, 8, [](const Mesh& mesh) {
    const int64_t rank = mesh.rank();
    const bool between = !mesh.first_stage() && !mesh.last_stage();
    const std::vector<int64_t> expected = between ? std::vector{rank} : std::vector{rank % 2, rank % 2 + 4};
    CHECK(members(mesh.tied(), rank) == expected);
  });
  run_mesh({.data = 2}, 8, [](const Mesh& mesh) { CHECK(mesh.tied().size() == 1); });
}

TEST_CASE("kv_copies joins the tensor ranks that hold the same KV head") {
  run_mesh({.tensor = 4, .data = 2}, /*kv_heads=*/2, [](const Mesh& mesh) {
    const int64_t first = mesh.rank() / 2 * 2;
    CHECK(members(mesh.kv_copies(), mesh.rank()) == std::vector{first, first + 1});
  });
}

TEST_CASE("a mesh counts what its axes carry, and not how it was wired") {
  run_mesh({.tensor = 2, .data = 2}, 8, [](const Mesh& mesh) {
    for (const auto& cell : mesh.traffic().cells) CHECK(cell.calls() == 0);
    at::Tensor x = at::full({4}, 1.0, at::kFloat);
    mesh.tensor().all_reduce(x).wait();
    mesh.replicas().all_reduce(x).wait();
    mesh.world().all_reduce(x).wait();
    mesh.pipeline().all_reduce(x).wait();  // a group of one
    CHECK(mesh.traffic()[Purpose::tensor].bytes() == 16);
    CHECK(mesh.traffic()[Purpose::data].bytes() == 16);
    CHECK(mesh.traffic()[Purpose::control].calls() == 1);
    CHECK(mesh.traffic()[Purpose::pipeline].calls() == 0);
  });
}

TEST_CASE("a layout that is not the world's is refused") {
  const auto two_in_a_world_of_one = [] { Mesh(make_thread_world(1)[0], {.tensor = 2}, 8); };
  CHECK_THROWS_AS(two_in_a_world_of_one(), Error);
}

TEST_CASE("the pairs of a ring are in as few rounds as they can be, each once, and no rank has two in a round") {
  for (int size = 2; size <= 9; ++size) {
    CAPTURE(size);
    std::multiset<int> pairs;
    for (int round = 0; round < ring_rounds(size); ++round) {
      std::map<int, std::set<int>> ranks;  // by pair
      for (int rank = 0; rank < size; ++rank)
        if (const auto pair = ring_pair(rank, size, round)) ranks[*pair].insert(rank);
      CHECK_FALSE(ranks.empty());
      for (const auto& [pair, both] : ranks) {
        CHECK(both == std::set<int>{pair, (pair + 1) % size});
        pairs.insert(pair);
      }
    }
    CHECK(std::set<int>(pairs.begin(), pairs.end()).size() == pairs.size());
    CHECK(std::ssize(pairs) == (size == 2 ? 1 : size));
  }
}

TEST_CASE("a world that only counts has the groups of the real one, and makes no rank wait") {
  const Layout layout{.tensor = 8, .sequence_size = 2, .context = 5, .data = 50, .pipeline = 25};
  const Mesh mesh(make_counting_world(77'777, 100'000), layout, /*kv_heads=*/8);
  const Coordinates where = coordinates(layout, 77'777);
  for (const auto& [axis, group] : {std::pair<Axis, Communicator*>{Axis::tensor, &mesh.tensor()},
                                    {Axis::sequence, &mesh.sequence()},
                                    {Axis::context, &mesh.context()},
                                    {Axis::data, &mesh.data()},
                                    {Axis::pipeline, &mesh.pipeline()}}) {
    CHECK(group->size() == layout.size(axis));
    CHECK(group->rank() == where[axis]);
  }
  const at::Tensor x = at::full({3}, 7, at::kFloat);
  mesh.context().all_reduce(x).wait();
  mesh.pipeline().receive(x, where.pipeline == 0 ? 1 : 0).wait();
  CHECK(x.eq(7).all().item<bool>());
  CHECK(mesh.traffic()[Purpose::context].bytes() == 12);
  CHECK(mesh.traffic()[Purpose::pipeline].calls() == 0);
  CHECK_THROWS_AS(mesh.tensor().send(x, 8), Error);
}
