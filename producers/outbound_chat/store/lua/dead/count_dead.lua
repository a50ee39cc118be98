-- count_dead: counts failed and uncertain jobs by state and code.
-- KEYS[1] base: first part of all keys of the budget
-- reply   state, code, count of each pair of state and code
-- keeps   nothing is written
-- uses: dead_letters
return dead_letters.count()
