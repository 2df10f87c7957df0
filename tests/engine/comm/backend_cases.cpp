#include "tests/engine/comm/backend_cases.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "engine/core/error.h"
#include "tests/support/tensor_test.h"

namespace llmrun {
namespace {

/// What rank r has at i: exact in every type, and different on every rank.
at::Tensor ramp(int rank, int64_t count, at::ScalarType type = at::kFloat) {
  return (at::arange(count, at::kLong).remainder(13) + rank).to(type);
}

at::Tensor sum_of_ramps(int ranks, int64_t count, at::ScalarType type = at::kFloat) {
  at::Tensor sum = ramp(0, count, at::kLong);
  for (int r = 1; r < ranks; ++r) sum = sum + ramp(r, count, at::kLong);
  return sum.to(type);
}

const std::vector<int64_t> kCounts{1, 2, 7, 1000, 100003};  // odd ones, and more than any small-message limit

void all_reduce_sums_every_size(Communicator& world) {
  for (const int64_t count : kCounts) {
    at::Tensor x = ramp(world.rank(), count);
    world.all_reduce(x).wait();
    CHECK(at::equal(x, sum_of_ramps(world.size(), count)));
  }
}

void all_reduce_sums_every_type(Communicator& world) {
  for (const auto type : {at::kFloat, at::kBFloat16, at::kHalf, at::kDouble, at::kLong, at::kByte}) {
    at::Tensor x = ramp(world.rank(), 257, type);
    world.all_reduce(x).wait();
    CHECK(at::equal(x, sum_of_ramps(world.size(), 257, type)));
  }
}

void all_reduce_takes_the_maximum_of_every_type(Communicator& world) {
  for (const auto type : {at::kFloat, at::kBFloat16, at::kHalf, at::kDouble, at::kLong, at::kByte}) {
    at::Tensor x = ramp(world.rank(), 257, type);
    world.all_reduce(x, Reduce::max).wait();
    CHECK(at::equal(x, ramp(world.size() - 1, 257, type)));
  }
}

void a_maximum_of_negative_numbers_is_negative(Communicator& world) {
  at::Tensor x = at::full({3}, -1.0 - world.rank(), at::kFloat);
  world.all_reduce(x, Reduce::max).wait();
  CHECK(at::equal(x, at::full({3}, -1.0, at::kFloat)));
}

void bf16_is_summed_in_fp32_and_rounded_once(Communicator& world) {
  // 256 + 0.75 + 0.75 (+ 0.75 ...): in bf16 steps of 2 every addend would be lost or doubled.
  at::Tensor x = at::full({5}, world.rank() == 0 ? 256.0 : 0.75, at::kBFloat16);
  world.all_reduce(x).wait();
  CHECK(at::equal(x, at::full({5}, 256.0 + 0.75 * (world.size() - 1), at::kFloat).to(at::kBFloat16)));
}

/// Sums that do not come out even: every rank must hold the same bits, and again the same the next time.
void sums_are_bit_equal_on_every_rank_and_every_time(Communicator& world) {
  for (const int64_t count : {3, 70001}) {
    const at::Tensor mine = (at::arange(count, at::kFloat) + 1).mul(0.1f * (world.rank() + 1)).sin();
    at::Tensor first = mine.clone();
    at::Tensor second = mine.clone();
    world.all_reduce(first).wait();
    world.all_reduce(second).wait();
    CHECK(at::equal(first, second));
    at::Tensor all = at::empty({world.size(), count}, at::kFloat);
    world.all_gather(all, first).wait();
    for (int r = 0; r < world.size(); ++r) CHECK(at::equal(all[r], first));
  }
}

void reduce_scatter_gives_the_same_bits_as_all_reduce(Communicator& world) {
  const int64_t count = 5003;
  at::Tensor whole = (at::arange(count * world.size(), at::kFloat) + 1).mul(0.3f * (world.rank() + 1)).cos();
  at::Tensor shard = at::empty({count}, at::kFloat);
  world.reduce_scatter(shard, whole).wait();
  world.all_reduce(whole).wait();
  CHECK(at::equal(shard, whole.narrow(0, count * world.rank(), count)));
}

void all_gather_puts_shards_in_rank_order(Communicator& world) {
  for (const int64_t count : kCounts) {
    at::Tensor out = at::empty({world.size() * count}, at::kFloat);
    world.all_gather(out, ramp(world.rank(), count)).wait();
    for (int r = 0; r < world.size(); ++r) CHECK(at::equal(out.narrow(0, r * count, count), ramp(r, count)));
  }
}

void all_gather_takes_a_shard_that_lies_inside_the_result(Communicator& world) {
  at::Tensor out = at::zeros({world.size(), 11}, at::kDouble);
  out[world.rank()].copy_(ramp(world.rank(), 11, at::kDouble));
  world.all_gather(out, out[world.rank()]).wait();
  for (int r = 0; r < world.size(); ++r) CHECK(at::equal(out[r], ramp(r, 11, at::kDouble)));
}

void all_gather_moves_types_that_cannot_be_summed(Communicator& world) {
  for (const auto type : {at::kInt, at::kHalf, at::kShort}) {
    at::Tensor out = at::empty({world.size(), 9}, type);
    world.all_gather(out, ramp(world.rank(), 9, type)).wait();
    for (int r = 0; r < world.size(); ++r) CHECK(at::equal(out[r], ramp(r, 9, type)));
  }
}

void reduce_scatter_leaves_each_rank_its_part_of_the_sum(Communicator& world) {
  for (const int64_t count : kCounts) {
    at::Tensor shard = at::empty({count}, at::kFloat);
    world.reduce_scatter(shard, ramp(world.rank(), count * world.size())).wait();
    CHECK(at::equal(shard, sum_of_ramps(world.size(), count * world.size()).narrow(0, world.rank() * count, count)));
  }
}

void reduce_scatter_takes_the_maximum(Communicator& world) {
  at::Tensor shard = at::empty({4}, at::kBFloat16);
  world.reduce_scatter(shard, ramp(world.rank(), 4 * world.size(), at::kBFloat16), Reduce::max).wait();
  CHECK(at::equal(shard, ramp(world.size() - 1, 4 * world.size(), at::kBFloat16).narrow(0, world.rank() * 4, 4)));
}

void reduce_scatter_takes_a_shard_that_lies_inside_the_whole(Communicator& world) {
  at::Tensor whole = ramp(world.rank(), 6 * world.size());
  at::Tensor shard = whole.narrow(0, 6 * world.rank(), 6);
  world.reduce_scatter(shard, whole).wait();
  CHECK(at::equal(shard, sum_of_ramps(world.size(), 6 * world.size()).narrow(0, 6 * world.rank(), 6)));
}

void broadcast_reaches_every_rank_from_every_root(Communicator& world) {
  for (int root = 0; root < world.size(); ++root) {
    for (const int64_t count : kCounts) {
      at::Tensor x = ramp(world.rank() * 100, count);
      world.broadcast(x, root).wait();
      CHECK(at::equal(x, ramp(root * 100, count)));
    }
  }
}

void all_to_all_transposes_the_ranks(Communicator& world) {
  for (const int64_t count : kCounts) {
    std::vector<at::Tensor> parts;
    for (int to = 0; to < world.size(); ++to) parts.push_back(ramp(world.rank() * 10 + to, count));
    at::Tensor out = at::empty({world.size(), count}, at::kFloat);
    world.all_to_all(out, at::cat(parts)).wait();
    for (int from = 0; from < world.size(); ++from) CHECK(at::equal(out[from], ramp(from * 10 + world.rank(), count)));
  }
}

void every_rank_can_send_before_it_receives(Communicator& world) {
  const int next = (world.rank() + 1) % world.size();
  const int previous = (world.rank() + world.size() - 1) % world.size();
  for (const int64_t count : {int64_t{1}, int64_t{2000001}}) {  // 8 MB: more than a socket holds
    const at::Tensor out = ramp(world.rank(), count);
    Work sent = world.send(out, next);
    at::Tensor in = at::empty({count}, at::kFloat);
    world.receive(in, previous).wait();
    sent.wait();
    CHECK(at::equal(in, ramp(previous, count)));
  }
}

void messages_between_two_ranks_arrive_in_the_order_sent(Communicator& world) {
  if (world.rank() == 0) {
    std::vector<Work> sent;
    for (int i = 0; i < 20; ++i) sent.push_back(world.send(ramp(i, 10 + i), 1));
  } else if (world.rank() == 1) {
    for (int i = 0; i < 20; ++i) {
      at::Tensor in = at::empty({10 + i}, at::kFloat);
      world.receive(in, 0).wait();
      CHECK(at::equal(in, ramp(i, 10 + i)));
    }
  }
}

void receives_match_in_the_order_posted_whatever_is_waited_for_first(Communicator& world) {
  if (world.rank() == 0) {
    at::Tensor first = at::empty({3}, at::kFloat);
    at::Tensor second = at::empty({5}, at::kFloat);
    Work early = world.receive(first, 1);
    Work late = world.receive(second, 1);
    late.wait();
    early.wait();
    CHECK(at::equal(first, ramp(1, 3)));
    CHECK(at::equal(second, ramp(2, 5)));
  } else if (world.rank() == 1) {
    world.send(ramp(1, 3), 0).wait();
    world.send(ramp(2, 5), 0).wait();
  }
}

void a_sent_tensor_may_be_reused_after_wait(Communicator& world) {
  if (world.rank() == 0) {
    at::Tensor x = ramp(7, 300000);
    world.send(x, 1).wait();
    x.zero_();
    world.send(x, 1).wait();
  } else if (world.rank() == 1) {
    at::Tensor x = at::empty({300000}, at::kFloat);
    world.receive(x, 0).wait();
    CHECK(at::equal(x, ramp(7, 300000)));
    world.receive(x, 0).wait();
    CHECK(at::equal(x, at::zeros({300000}, at::kFloat)));
  }
}

void calls_under_way_overlap_and_may_be_waited_for_in_any_order(Communicator& world) {
  const int n = world.size();
  at::Tensor sum = ramp(world.rank(), 40000);
  at::Tensor shard = at::empty({100}, at::kFloat);
  at::Tensor all = at::empty({n, 50}, at::kFloat);
  const at::Tensor whole = ramp(world.rank(), 100 * n);
  const at::Tensor mine = ramp(world.rank(), 50);
  Work reduced = world.all_reduce(sum);
  Work scattered = world.reduce_scatter(shard, whole);
  Work gathered = world.all_gather(all, mine);
  gathered.wait();
  scattered.wait();
  reduced.wait();
  CHECK(at::equal(sum, sum_of_ramps(n, 40000)));
  CHECK(at::equal(shard, sum_of_ramps(n, 100 * n).narrow(0, 100 * world.rank(), 100)));
  CHECK(at::equal(all[n - 1], ramp(n - 1, 50)));
}

/// Rank 0 starts a collective and then depends on a message that rank 1 sends only once the collective is over.
void a_collective_goes_on_while_a_rank_waits_for_something_else(Communicator& world) {
  at::Tensor sum = ramp(world.rank(), 50000);
  Work work = world.all_reduce(sum);
  if (world.rank() == 0) {
    at::Tensor in = at::empty({1}, at::kFloat);
    world.receive(in, 1).wait();
    work.wait();
  } else {
    work.wait();
    if (world.rank() == 1) world.send(at::full({1}, 5.0, at::kFloat), 0).wait();
  }
  CHECK(at::equal(sum, sum_of_ramps(world.size(), 50000)));
}

void dropped_work_is_finished_first(Communicator& world) {
  at::Tensor x = ramp(world.rank(), 1000);
  { Work dropped = world.all_reduce(x); }
  CHECK(at::equal(x, sum_of_ramps(world.size(), 1000)));
}

void an_empty_tensor_is_no_trouble(Communicator& world) {
  at::Tensor none = at::empty({0}, at::kFloat);
  world.all_reduce(none).wait();
  world.all_gather(none, none).wait();
  world.reduce_scatter(none, none).wait();
  world.broadcast(none, 0).wait();
  world.all_to_all(none, none).wait();
  world.barrier();
}

void split_keeps_its_members_order_and_groups_apart(Communicator& world) {
  const int parity = world.rank() % 2;
  std::vector<int> ranks;
  for (int rank = world.size() - 1; rank >= 0; --rank)
    if (rank % 2 == parity) ranks.push_back(rank);
  const auto part = world.split(ranks, "parity", Purpose::tensor);
  const int members = (world.size() + 1 - parity) / 2;
  CHECK(part->size() == members);
  CHECK(part->rank() == members - 1 - world.rank() / 2);  // the highest world rank comes first
  CHECK(part->name() == "parity");
  CHECK(part->purpose() == Purpose::tensor);
  at::Tensor x = at::full({1}, world.rank(), at::kLong);
  part->all_reduce(x).wait();
  int64_t expected = 0;
  for (int r = parity; r < world.size(); r += 2) expected += r;
  CHECK(x.item<int64_t>() == expected);
}

void a_group_may_be_split_again_and_messages_stay_in_their_group(Communicator& world) {
  std::vector<int> ranks = everyone(world);
  const auto copy = world.split(ranks, "copy", Purpose::data);
  std::reverse(ranks.begin(), ranks.end());
  const auto again = copy->split(ranks, "again", Purpose::pipeline);
  CHECK(again->rank() == world.size() - 1 - world.rank());
  if (world.rank() == 0) {
    world.send(ramp(1, 4), 1).wait();
    copy->send(ramp(2, 4), 1).wait();
    again->send(ramp(3, 4), world.size() - 2).wait();
  } else if (world.rank() == 1) {
    at::Tensor in = at::empty({4}, at::kFloat);
    again->receive(in, world.size() - 1).wait();
    CHECK(at::equal(in, ramp(3, 4)));
    copy->receive(in, 0).wait();
    CHECK(at::equal(in, ramp(2, 4)));
    world.receive(in, 0).wait();
    CHECK(at::equal(in, ramp(1, 4)));
  }
}

void a_group_of_one_copies_and_counts_nothing(Communicator& world) {
  const auto alone = world.split({world.rank()}, "alone", Purpose::context);
  alone->count_into(std::make_shared<Traffic>());
  CHECK(alone->size() == 1);
  at::Tensor out = at::empty({6}, at::kFloat);
  alone->all_gather(out, ramp(3, 6)).wait();
  CHECK(at::equal(out, ramp(3, 6)));
  alone->reduce_scatter(out, ramp(4, 6)).wait();
  CHECK(at::equal(out, ramp(4, 6)));
  alone->all_to_all(out, ramp(5, 6)).wait();
  alone->all_reduce(out).wait();
  alone->broadcast(out, 0).wait();
  alone->barrier();
  CHECK(at::equal(out, ramp(5, 6)));
  CHECK((*alone->traffic())[Purpose::context].calls() == 0);
  CHECK((*alone->traffic())[Purpose::context].bytes() == 0);
}

void calls_and_bytes_are_counted_as_the_header_says(Communicator& world) {
  const int n = world.size();
  const auto group = world.split(everyone(world), "counted", Purpose::data);
  const auto traffic = std::make_shared<Traffic>();
  group->count_into(traffic);
  at::Tensor small = ramp(0, 10);
  at::Tensor large = ramp(0, 10 * n);
  at::Tensor large_out = at::empty_like(large);
  group->all_reduce(small).wait();                          // 40 bytes
  group->all_gather(large, small.clone()).wait();           // the result: 40 n
  group->reduce_scatter(small, large).wait();               // the input: 40 n
  group->broadcast(small, 0).wait();                        // 40
  group->all_to_all(large_out, large).wait();               // 40 n
  group->barrier();                                         // a call without bytes
  if (group->rank() == 0) group->send(small, 1).wait();     // 40, at the sender
  if (group->rank() == 1) group->receive(small, 0).wait();  // nothing
  const auto& cell = (*traffic)[Purpose::data];
  CHECK(cell.calls() == 6 + (group->rank() == 0));
  CHECK(cell.bytes() == 80 + 120 * n + 40 * (group->rank() == 0));
  CHECK(cell.seconds > 0);
  for (const auto other : {Purpose::tensor, Purpose::sequence, Purpose::context, Purpose::pipeline, Purpose::control}) {
    CHECK((*traffic)[other].calls() == 0);
  }
}

void a_call_with_the_wrong_sizes_throws_before_it_starts(Communicator& world) {
  at::Tensor three = at::zeros({3}, at::kFloat);
  at::Tensor matrix = at::zeros({4, 5}, at::kFloat);
  CHECK_THROWS_AS(world.all_gather(three, three), Error);
  CHECK_THROWS_AS(world.reduce_scatter(three, three), Error);
  CHECK_THROWS_AS(world.all_reduce(matrix.t()), Error);
  CHECK_THROWS_AS(world.all_to_all(at::zeros({world.size() + 1}, at::kFloat), at::zeros({world.size() + 1}, at::kFloat)), Error);
  CHECK_THROWS_AS(world.all_gather(at::zeros({3 * world.size()}, at::kDouble), three), Error);
  CHECK_THROWS_AS(world.all_reduce(at::zeros({3}, at::kInt)), Error);
  CHECK_THROWS_AS(world.broadcast(three, world.size()), Error);
  CHECK_THROWS_AS(world.send(three, world.rank()), Error);
  CHECK_THROWS_AS(world.receive(three, -1), Error);
  world.barrier();
}

}  // namespace

const std::vector<BackendCase>& backend_cases() {
  static const std::vector<BackendCase> cases{
      {"all_reduce sums every size", all_reduce_sums_every_size},
      {"all_reduce sums every type", all_reduce_sums_every_type},
      {"all_reduce takes the maximum of every type", all_reduce_takes_the_maximum_of_every_type},
      {"a maximum of negative numbers is negative", a_maximum_of_negative_numbers_is_negative},
      {"bf16 is summed in fp32 and rounded once", bf16_is_summed_in_fp32_and_rounded_once},
      {"sums are bit-equal on every rank and every time", sums_are_bit_equal_on_every_rank_and_every_time},
      {"reduce_scatter gives the same bits as all_reduce", reduce_scatter_gives_the_same_bits_as_all_reduce},
      {"all_gather puts shards in rank order", all_gather_puts_shards_in_rank_order},
      {"all_gather takes a shard that lies inside the result", all_gather_takes_a_shard_that_lies_inside_the_result},
      {"all_gather moves types that cannot be summed", all_gather_moves_types_that_cannot_be_summed},
      {"reduce_scatter leaves each rank its part of the sum", reduce_scatter_leaves_each_rank_its_part_of_the_sum},
      {"reduce_scatter takes the maximum", reduce_scatter_takes_the_maximum},
      {"reduce_scatter takes a shard that lies inside the whole", reduce_scatter_takes_a_shard_that_lies_inside_the_whole},
      {"broadcast reaches every rank from every root", broadcast_reaches_every_rank_from_every_root},
      {"all_to_all transposes the ranks", all_to_all_transposes_the_ranks},
      {"every rank can send before it receives", every_rank_can_send_before_it_receives},
      {"messages between two ranks arrive in the order sent", messages_between_two_ranks_arrive_in_the_order_sent},
      {"receives match in the order posted, whatever is waited for first", receives_match_in_the_order_posted_whatever_is_waited_for_first},
      {"a sent tensor may be reused after wait", a_sent_tensor_may_be_reused_after_wait},
      {"calls under way overlap and may be waited for in any order", calls_under_way_overlap_and_may_be_waited_for_in_any_order},
      {"a collective goes on while a rank waits for something else", a_collective_goes_on_while_a_rank_waits_for_something_else},
      {"dropped work is finished first", dropped_work_is_finished_first},
      {"an empty tensor is no trouble", an_empty_tensor_is_no_trouble},
      {"split orders by key and keeps groups apart", split_keeps_its_members_order_and_groups_apart},
      {"a group may be split again, and messages stay in their group", a_group_may_be_split_again_and_messages_stay_in_their_group},
      {"a group of one copies and counts nothing", a_group_of_one_copies_and_counts_nothing},
      {"calls and bytes are counted as the header says", calls_and_bytes_are_counted_as_the_header_says},
      {"a call with the wrong sizes throws before it starts", a_call_with_the_wrong_sizes_throws_before_it_starts},
  };
  return cases;
}

}  // namespace llmrun
