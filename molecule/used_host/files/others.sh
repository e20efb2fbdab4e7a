#!/bin/bash
# What other people have on a host, before the lab comes
set -eu

# Three sites: the distribution's, edited; one beside it; one with a port of its own
mkdir -p /srv/front /srv/wiki /srv/shop
for site in front wiki shop; do echo "this is the $site" >"/srv/$site/index.html"; done
cd /etc/apache2
sed --in-place 's,/var/www/html,/srv/front,' sites-available/000-default.conf
printf '<VirtualHost *:80>\nServerName wiki.example.org\nDocumentRoot /srv/wiki\n</VirtualHost>\n' \
  >sites-available/wiki.conf
printf 'Listen 8090\n<VirtualHost *:8090>\nDocumentRoot /srv/shop\n</VirtualHost>\n' >sites-available/shop.conf
printf '<Directory /srv>\nRequire all granted\n</Directory>\n' >conf-available/srv.conf
a2ensite --quiet wiki shop
a2enconf --quiet srv
systemctl restart apache2
echo 'mine' >/var/www/html/notes.html

# Accounts: an administrator with a umask of 077, and one who is to be a user of RStudio too
useradd --create-home --shell /bin/bash administrator
echo 'administrator ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/administrator
echo 'session optional pam_umask.so umask=077' >>/etc/pam.d/sudo
useradd --create-home --shell /bin/sh --comment 'Teacher, room 5' teacher
echo "teacher:$(head -c 12 /dev/urandom | base64)" | chpasswd
chmod 700 ~teacher
mkdir ~teacher/labs
echo 'print("my own")' >~teacher/labs/forest.R
chown -R teacher: ~teacher

# A swap file that is off, and its line without a newline at the end
dd if=/dev/zero of=/srv/theirs.swap bs=1M count=1 status=none
chmod 600 /srv/theirs.swap
printf '/srv/theirs.swap none swap sw,noauto 0 0' >>/etc/fstab

# Python and data beside our folders
mkdir -p /opt/labserver /srv/labserver /etc/pip
python3 -m venv --without-pip /opt/labserver/theirs
printf '[global]\nuser = true\n' >/etc/pip.conf
echo 'chapter 1' >/srv/labserver/thesis.txt
echo 'x' >/srv/labserver/sample.csv

# R: settings of the site, and a package of their own
echo 'options(digits = 5)' >>/etc/R/Rprofile.site
echo 'THEIRS=1' >>/etc/R/Renviron.site
mkdir -p /srv/theirs/R
printf 'Package: theirs\nVersion: 1.0\nTitle: Theirs\nDescription: Theirs.\nAuthor: A\nMaintainer: A <a@example.org>\n%s\n' \
  'License: MIT' >/srv/theirs/DESCRIPTION
echo 'export(seven)' >/srv/theirs/NAMESPACE
echo 'seven <- function() 7' >/srv/theirs/R/seven.R
R CMD INSTALL /srv/theirs
