#!/bin/sh
# SPDX-License-Identifier: MIT
# sqlite's shell: both journals, two processes at one data base, and a writer that is killed. One line for each check.
dir=/tmp/suite-sqlite
mkdir -p $dir
cd $dir || exit 1
rm -f ./*

check() { # NAME EXPECTED GOT
	if [ "$2" = "$3" ]; then
		echo "PASS: $1"
	else
		echo "FAIL: $1"
		echo "wanted: $2"
		echo "got: $3"
	fi
}

sql() { # FILE STATEMENTS
	sqlite3 -batch -cmd '.timeout 60000' "$1" "$2" 2>&1
}

# Writes $2 rows, each in a transaction of its own, into the table of file $1.
insert_rows() {
	i=0
	while [ $i -lt "$2" ]; do
		echo "insert into t(who) values('$3');"
		i=$((i + 1))
	done | sqlite3 -batch -cmd '.timeout 60000' "$1"
}

for mode in delete wal; do
	db=$mode.db
	check "$mode: the journal is there" $mode "$(sql $db "pragma journal_mode=$mode;")"
	sql $db 'create table t(id integer primary key, who text, what blob);'
	insert_rows $db 40 a &
	insert_rows $db 40 b &
	wait
	check "$mode: two writers at once lose nothing" "a|40 b|40" \
		"$(sql $db 'select who, count(*) from t group by who;' | xargs)"

	# A transaction that stays open: others read what was there before it, and cannot write.
	mkfifo go
	(echo "begin immediate; insert into t(who) values('c');"; echo ".shell touch begun"; cat go; echo "commit;") |
		sqlite3 -batch $db &
	while [ ! -e begun ]; do sleep 0.1; done
	check "$mode: an open transaction is not seen" 0 "$(sql $db "select count(*) from t where who = 'c';")"
	check "$mode: an open transaction refuses writers" "locked" \
		"$(sqlite3 -batch $db "insert into t(who) values('d');" 2>&1 | grep -o 'locked' | head -n 1)"
	echo "-- go on" >go
	wait
	check "$mode: what is committed is seen" 1 "$(sql $db "select count(*) from t where who = 'c';")"
	rm -f go begun

	# A writer that is killed in the middle of a large transaction leaves nothing of it.
	mkfifo go
	sqlite3 -batch $db <go &
	exec 3>go
	echo "pragma cache_size=10; begin; with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
		insert into t(who, what) select 'x', randomblob(200) from n;" >&3
	echo ".shell touch begun" >&3
	while [ ! -e begun ]; do sleep 0.1; done
	kill -9 $!
	wait $!
	exec 3>&-
	rm -f go begun
	check "$mode: a killed writer leaves nothing" "0|ok" \
		"$(sql $db "select count(*) from t where who = 'x'; pragma integrity_check;" | tr '\n' '|' | sed 's/|$//')"
	sql $db 'delete from t where id % 2; vacuum;'
	check "$mode: vacuum" ok "$(sql $db 'pragma integrity_check;')"
done

check "statements: windows, JSON, full text" "5050 [1,2] 2" "$(sql '' "
	with recursive n(i) as (select 1 union all select i + 1 from n where i < 100)
		select sum(i) over () from n limit 1;
	select json('[1, 2]');
	create table d(a, b); insert into d values(1, 2), (3, 4), (1, 5); select count(distinct a) from d;" | xargs)"
rm -rf $dir
